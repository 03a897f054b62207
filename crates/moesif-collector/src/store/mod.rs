//! The store: an SQLite database in the data directory.
//!
//! One thread writes ([`writer`]) and commits the records of several requests together ([`commit`]). A
//! request is answered after the commit. Reads use separate connections and never wait for the writer
//! ([`reads`]).

mod blocks;
mod commit;
mod dictionary;
mod error;
mod list;
mod profile;
mod reads;
mod record;
mod schema;
mod writer;

use std::{
    fs::{DirBuilder, OpenOptions, TryLockError},
    io,
    path::Path,
    sync::Arc,
};

use tokio::sync::{Semaphore, mpsc, oneshot};

pub(crate) use error::{OpenError, WriteError};
pub(crate) use list::{Cursor, EventFilter, EventRow, StatusFilter};
pub(crate) use reads::{ReadError, Readers, StoredEvent};
pub(crate) use record::{
    ActionRecord, Batch, EventRecord, ProfileKind, ProfileRecord, Records, parse_object,
};
pub(crate) use writer::WriterThread;

/// Name of the database file in the data directory.
const DATABASE_FILE: &str = "collector.db";
/// Name of the file that is locked while a collector uses the directory.
const LOCK_FILE: &str = "collector.lock";
/// Maximum number of requests in the writer's queue.
const MAX_QUEUED: usize = 4096;
/// Memory for records in the writer's queue, in KiB. If it is used up, requests wait before they are queued.
const QUEUE_KIB: u32 = 192 * 1024;

/// An open data directory.
pub(crate) struct Store {
    /// Declared first, so that its connections are closed before the writer ends. An open connection would
    /// prevent the final checkpoint.
    readers: Readers,
    jobs: mpsc::Sender<writer::Job>,
    queue_memory: Arc<Semaphore>,
}

impl Store {
    /// Opens the database in `directory` and starts the writer thread, which is returned too. Creates
    /// directory and database if they do not exist.
    pub(crate) fn open(directory: &Path) -> Result<(Self, WriterThread), OpenError> {
        let unusable = |error| OpenError::Directory { path: directory.to_owned(), error };
        create_directory(directory).map_err(unusable)?;
        let lock = schema::owner_only(OpenOptions::new().create(true).truncate(false).write(true))
            .open(directory.join(LOCK_FILE))
            .map_err(unusable)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(OpenError::InUse { path: directory.to_owned() });
            }
            Err(TryLockError::Error(error)) => return Err(unusable(error)),
        }
        let path = directory.join(DATABASE_FILE);
        let database = schema::open_writer(&path)?;
        let (jobs, queue) = mpsc::channel(MAX_QUEUED);
        let writer = writer::start(database, queue, lock).map_err(|error| match error {
            writer::StartError::Thread(error) => OpenError::Thread(error),
            writer::StartError::Database(error) => OpenError::Database { path: path.clone(), error },
        })?;
        let queue_kib = usize::try_from(QUEUE_KIB).unwrap_or(usize::MAX);
        let queue_memory = Arc::new(Semaphore::new(queue_kib));
        Ok((Self { readers: Readers::new(path), jobs, queue_memory }, writer))
    }

    /// Queues a batch. Waits while the queue is full. `decoded_size` is the size of the decoded request body
    /// in bytes.
    pub(crate) async fn append(
        &self,
        batch: Batch,
        decoded_size: usize,
    ) -> Result<PendingCommit, WriteError> {
        let kib =
            u32::try_from(batch.records.memory(decoded_size) / 1024 + 1).unwrap_or(u32::MAX).min(QUEUE_KIB);
        let memory = Arc::clone(&self.queue_memory)
            .acquire_many_owned(kib)
            .await
            .map_err(|_| WriteError::WriterStopped)?;
        let (reply, outcome) = oneshot::channel();
        let job = writer::Job { batch, reply, memory };
        self.jobs.send(job).await.map_err(|_| WriteError::WriterStopped)?;
        Ok(PendingCommit(outcome))
    }

    pub(crate) fn readers(&self) -> &Readers {
        &self.readers
    }
}

/// Records that are queued but not yet committed.
#[must_use = "records are not stored before the commit"]
pub(crate) struct PendingCommit(oneshot::Receiver<writer::Outcome>);

impl PendingCommit {
    /// Waits for the commit. Returns the records that were rejected; the others are stored.
    pub(crate) async fn committed(self) -> writer::Outcome {
        self.0.await.map_err(|_| WriteError::WriterStopped)?
    }
}

/// Creates a directory that only its owner can read, because captured data is private.
fn create_directory(path: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::DirBuilderExt;
        builder.mode(0o700);
    }
    builder.create(path)
}
