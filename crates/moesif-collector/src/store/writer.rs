//! The writer thread and its group commit.
//!
//! The thread takes all jobs that wait in the queue, up to a limit, and commits them in one transaction.
//! While a commit waits for the disk, jobs of the next group are queued. So the requests of a group share the
//! cost of one `fsync`. If the commit fails, every job in the group gets the error.

use std::{fs::File, io, sync::mpsc as std_mpsc, thread, time::Duration};

use rusqlite::Connection;
use tokio::sync::{OwnedSemaphorePermit, mpsc, oneshot};

use super::{
    commit::Committer,
    error::WriteError,
    record::{Batch, RejectedRecord},
};
use crate::log;

/// Maximum number of records in one commit, unless a single request has more. Limits how long the first
/// request of a group waits.
const MAX_GROUP_RECORDS: usize = 20_000;
/// Maximum memory of the records in one commit, in KiB. One record may be a megabyte.
const MAX_GROUP_KIB: usize = 32 * 1024;
/// Maximum time that the process waits for the last commit before it ends.
const LAST_COMMIT_TIMEOUT: Duration = Duration::from_secs(10);

/// Outcome of a job. All records but the listed ones are stored.
pub(crate) type Outcome = Result<Vec<RejectedRecord>, WriteError>;

/// A batch in the queue.
pub(super) struct Job {
    pub(super) batch: Batch,
    pub(super) reply: oneshot::Sender<Outcome>,
    /// Memory of the records, one permit per KiB. Returned when the job is dropped.
    pub(super) memory: OwnedSemaphorePermit,
}

/// Handle of the writer thread, for the code that ends the process.
pub(crate) struct WriterThread {
    /// Disconnected when the thread has ended. Like `stopped`, but it needs no async runtime to wait.
    ended: std_mpsc::Receiver<()>,
    stopped: oneshot::Receiver<()>,
}

/// Why the writer did not start.
#[derive(Debug, thiserror::Error)]
pub(super) enum StartError {
    #[error("cannot start the thread: {0}")]
    Thread(io::Error),
    #[error("cannot prepare the statements: {0}")]
    Database(#[from] rusqlite::Error),
}

impl WriterThread {
    /// Resolves when the thread has ended. If the [`Store`](super::Store) still exists, the thread has failed
    /// and nothing can be stored any more.
    pub(crate) async fn stopped(&mut self) {
        // Nothing is ever sent. The thread drops the sender when it ends.
        let _dropped = (&mut self.stopped).await;
    }

    /// Waits until all queued jobs are committed, but at most 10 seconds. Drop the [`Store`](super::Store)
    /// first.
    pub(crate) fn finish(self) {
        let _ended_or_timed_out = self.ended.recv_timeout(LAST_COMMIT_TIMEOUT);
    }
}

/// Starts the writer thread and returns when its statements are prepared.
///
/// The thread ends when all senders of `queue` are dropped and the queued jobs are committed. Then it moves
/// the log into the database file and closes it. It releases `lock` last, so that no other collector opens
/// the database earlier.
pub(super) fn start(
    database: Connection,
    mut queue: mpsc::Receiver<Job>,
    lock: File,
) -> Result<WriterThread, StartError> {
    let (ended_sender, ended) = std_mpsc::channel::<()>();
    let (stopped_sender, stopped) = oneshot::channel::<()>();
    let (ready_sender, ready) = std_mpsc::channel();
    thread::Builder::new()
        .name("moesif-writer".into())
        .spawn(move || {
            // Locals are dropped in reverse order, also after a panic: first the database, then the lock,
            // then the senders.
            let _at_end = (ended_sender, stopped_sender);
            let _lock = lock;
            let database = database;
            let committer = match Committer::new(&database) {
                Ok(committer) => committer,
                Err(error) => {
                    let _received = ready_sender.send(Err(error));
                    return;
                }
            };
            let _received = ready_sender.send(Ok(()));
            run(committer, &mut queue);
            checkpoint(&database);
        })
        .map_err(StartError::Thread)?;
    let panicked = || StartError::Thread(io::Error::other("the thread ended at once"));
    ready.recv().map_err(|_| panicked())??;
    Ok(WriterThread { ended, stopped })
}

/// Moves the log into the database file, so that a copy of `collector.db` alone is complete.
fn checkpoint(database: &Connection) {
    let is_blocked = database.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get::<_, bool>(0));
    match is_blocked {
        Ok(false) => {}
        Ok(true) => log::error(
            &"collector.db is incomplete without collector.db-wal, because a reader kept it open; copy both files",
        ),
        Err(error) => log::error(&format_args!(
            "collector.db is incomplete without collector.db-wal, because the checkpoint failed: {error}; copy both \
             files"
        )),
    }
}

/// Commits jobs in groups until the queue is closed.
fn run(mut committer: Committer<'_>, queue: &mut mpsc::Receiver<Job>) {
    let mut is_failing = false;
    while let Some(first) = queue.blocking_recv() {
        let group = take_group(first, queue);
        let batches: Vec<&Batch> = group.iter().map(|job| &job.batch).collect();
        let outcome = committer.commit(&batches).map_err(|error| WriteError::Database(error.to_string()));
        // Logs only the first of several failures in a row.
        if let Err(error) = &outcome
            && !is_failing
        {
            log::error(&format_args!("cannot store events: {error}; check the disk of the data directory"));
        }
        is_failing = outcome.is_err();
        let mut rejected = outcome.map(Vec::into_iter);
        for job in group {
            let outcome = match &mut rejected {
                Ok(rejected) => Ok(rejected.next().unwrap_or_default()),
                Err(error) => Err(error.clone()),
            };
            // The request may have been cancelled.
            let _received = job.reply.send(outcome);
        }
    }
}

/// Adds the jobs that wait in the queue to `first`, up to the size of a group.
fn take_group(first: Job, queue: &mut mpsc::Receiver<Job>) -> Vec<Job> {
    let (mut records, mut kib) = (first.batch.records.len(), first.memory.num_permits());
    let mut group = vec![first];
    while records < MAX_GROUP_RECORDS
        && kib < MAX_GROUP_KIB
        && let Ok(job) = queue.try_recv()
    {
        records = records.saturating_add(job.batch.records.len());
        kib = kib.saturating_add(job.memory.num_permits());
        group.push(job);
    }
    group
}
