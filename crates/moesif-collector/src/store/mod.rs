//! The store: an SQLite database in the data directory.
//!
//! In: judged records. Out: an answer once they are on the disk, and reads of them. One thread writes; reads have
//! connections of their own and never wait for it. Never answers before the commit, never queues without a bound.

mod blocks;
mod dictionary;
mod merge;
mod reads;
mod record;
mod schema;
mod writer;

use std::{
    fs::{DirBuilder, OpenOptions, TryLockError},
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use tokio::sync::{Semaphore, mpsc, oneshot};

pub(crate) use reads::{Cursor, EventFilter, EventRow, ReadError, Readers, StatusFilter, StoredEvent};
pub(crate) use record::{ActionRecord, EventRecord, ProfileKind, ProfileRecord, Work};
pub(crate) use writer::{WriteError, WriterThread};

/// Name of the database inside the data directory.
const DATABASE: &str = "collector.db";
/// Name of the file whose lock says that the directory is taken.
const LOCK: &str = "collector.lock";
/// Requests waiting for the writer at most.
const WAITING: usize = 4096;
/// Memory of what waits for the writer at most, in KiB. Beyond it requests wait before they are queued, and so do
/// their senders.
const WAITING_KIB: u32 = 192 * 1024;

/// Why a data directory cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OpenError {
    #[error("cannot use data directory `{path}`: {error}; name a directory that can be written with --data")]
    Directory { path: PathBuf, error: io::Error },
    #[error(
        "data directory `{path}` is used by another collector; stop it or name another directory with --data"
    )]
    InUse { path: PathBuf },
    #[error(
        "cannot open database `{path}`: {error}; restore it from a backup or name another directory with --data"
    )]
    Database { path: PathBuf, error: rusqlite::Error },
    #[error(
        "database `{path}` cannot be written; change its owner or mode, or name another directory with --data"
    )]
    ReadOnly { path: PathBuf },
    #[error("`{path}` is not a database of this collector; name another directory with --data")]
    Foreign { path: PathBuf },
    #[error(
        "database `{path}` has version {found}, this collector knows up to {known}; run the newer collector or name \
         another directory with --data"
    )]
    Newer { path: PathBuf, found: i64, known: i64 },
    #[error("cannot start the thread that writes the database: {0}; check the limit on threads")]
    Thread(io::Error),
}

/// The way in and out of the database.
pub(crate) struct Store {
    /// First, so that idle connections are closed before the writer ends and folds the log away.
    readers: Readers,
    jobs: mpsc::Sender<writer::Job>,
    budget: Arc<Semaphore>,
}

impl Store {
    /// Opens the database in `directory`, making both where absent, and starts the writer.
    pub(crate) fn open(directory: &Path) -> Result<(Self, WriterThread), OpenError> {
        let unusable = |error| OpenError::Directory { path: directory.to_owned(), error };
        make_directory(directory).map_err(unusable)?;
        let lock = schema::private(OpenOptions::new().create(true).truncate(false).write(true))
            .open(directory.join(LOCK))
            .map_err(unusable)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(OpenError::InUse { path: directory.to_owned() });
            }
            Err(TryLockError::Error(error)) => return Err(unusable(error)),
        }
        let path = directory.join(DATABASE);
        let database = schema::open_writer(&path)?;
        let (jobs, queue) = mpsc::channel(WAITING);
        let writer = writer::start(database, queue, lock).map_err(|error| match error {
            writer::StartError::Thread(error) => OpenError::Thread(error),
            writer::StartError::Database(error) => OpenError::Database { path: path.clone(), error },
        })?;
        let budget = usize::try_from(WAITING_KIB).unwrap_or(usize::MAX);
        let store = Self { jobs, budget: Arc::new(Semaphore::new(budget)), readers: Readers::new(path) };
        Ok((store, writer))
    }

    /// Queues what one request brought; `sent` is the size it arrived in. Waits while the writer has too much before
    /// it.
    pub(crate) async fn queue(
        &self,
        application: String,
        received: i64,
        work: Work,
        sent: usize,
    ) -> Result<Queued, WriteError> {
        let kib = u32::try_from(work.weight(sent) / 1024 + 1).unwrap_or(u32::MAX).min(WAITING_KIB);
        let permit =
            Arc::clone(&self.budget).acquire_many_owned(kib).await.map_err(|_| WriteError::WriterGone)?;
        let (answer, answered) = oneshot::channel();
        let job = writer::Job::new(application, received, work, permit, answer);
        self.jobs.send(job).await.map_err(|_| WriteError::WriterGone)?;
        Ok(Queued(answered))
    }

    /// The read side.
    pub(crate) fn readers(&self) -> &Readers {
        &self.readers
    }
}

/// What is queued and not yet committed.
#[must_use = "nothing is stored before the answer"]
pub(crate) struct Queued(oneshot::Receiver<writer::Answer>);

impl Queued {
    /// Waits for the commit. What could not be kept comes with its place in the batch.
    pub(crate) async fn committed(self) -> writer::Answer {
        self.0.await.map_err(|_| WriteError::WriterGone)?
    }
}

/// Captured traffic is private: a directory made here is its owner's only.
fn make_directory(path: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::DirBuilderExt;
        builder.mode(0o700);
    }
    builder.create(path)
}
