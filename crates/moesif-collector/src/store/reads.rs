//! Reads from the database. Each read runs on a blocking thread with its own read-only connection. The number
//! of concurrent reads and the duration of each are limited.

use std::{
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use rusqlite::{Connection, OptionalExtension, Row, params_from_iter};
use tokio::sync::Semaphore;

use super::{
    blocks::{Span, extract},
    list::{Cursor, EventFilter, EventPage, EventRow},
    record::ProfileKind,
    schema::open_reader,
};

/// Maximum number of reads at once.
const MAX_READS: usize = 4;
/// Maximum duration of a read.
const MAX_DURATION: Duration = Duration::from_secs(20);
/// Number of virtual machine steps of SQLite between two checks of the duration.
const STEPS_PER_CHECK: i32 = 100_000;

/// Why a read failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReadError {
    #[error("the database cannot be read: {0}; check the collector's data directory")]
    Database(#[from] rusqlite::Error),
    #[error("the query took longer than {} seconds; limit it with from and to", MAX_DURATION.as_secs())]
    TooLong,
    #[error("the collector is stopping")]
    Stopped,
}

/// A pool of read-only connections, opened on demand.
#[derive(Clone)]
pub(crate) struct Readers {
    path: Arc<PathBuf>,
    idle: Arc<Mutex<Vec<Connection>>>,
    slots: Arc<Semaphore>,
}

impl Readers {
    pub(super) fn new(path: PathBuf) -> Self {
        Self { path: Arc::new(path), idle: Arc::default(), slots: Arc::new(Semaphore::new(MAX_READS)) }
    }

    /// Runs `query` on a connection of the pool.
    async fn read<T: Send + 'static>(
        &self,
        query: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, ReadError> {
        let slot = Arc::clone(&self.slots).acquire_owned().await.map_err(|_| ReadError::Stopped)?;
        let (path, idle) = (Arc::clone(&self.path), Arc::clone(&self.idle));
        let read = tokio::task::spawn_blocking(move || {
            let _slot = slot;
            let pooled = idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
            let mut database = pooled.map_or_else(|| open_reader(&path), Ok)?;
            let deadline = Instant::now() + MAX_DURATION;
            database.progress_handler(STEPS_PER_CHECK, Some(move || Instant::now() > deadline))?;
            let result = query(&database);
            idle.lock().unwrap_or_else(PoisonError::into_inner).push(database);
            result
        });
        match read.await {
            Ok(Err(error))
                if error.sqlite_error_code() == Some(rusqlite::ErrorCode::OperationInterrupted) =>
            {
                Err(ReadError::TooLong)
            }
            Ok(result) => Ok(result?),
            Err(_) => Err(ReadError::Stopped),
        }
    }

    /// Returns the newest events that match the filter, at most `limit`.
    pub(crate) async fn events(&self, filter: EventFilter, limit: usize) -> Result<EventPage, ReadError> {
        self.read(move |database| {
            // Reads one more row to know whether there is a next page.
            let (query, values) = filter.into_query(limit.saturating_add(1));
            let mut statement = database.prepare(&query)?;
            let rows = statement.query_map(params_from_iter(values), EventRow::from_row)?;
            let mut rows = rows.collect::<rusqlite::Result<Vec<_>>>()?;
            let has_more = rows.len() > limit;
            rows.truncate(limit);
            let next = rows.last().filter(|_| has_more).map(|row| Cursor { time: row.time, id: row.id });
            Ok(EventPage { rows, next })
        })
        .await
    }

    /// Returns one event.
    pub(crate) async fn event(&self, id: i64) -> Result<Option<StoredEvent>, ReadError> {
        self.read(move |database| {
            database
                .query_row(
                    "SELECT events.duration, events.received, blocks.data, events.start, events.length
                     FROM events JOIN blocks ON blocks.id = events.block WHERE events.id = ?1",
                    [id],
                    |row| {
                        let span = Span { start: row.get(3)?, length: row.get(4)? };
                        let document = extract(row.get_ref(2)?.as_blob()?, span).map_err(|error| {
                            rusqlite::Error::FromSqlConversionFailure(
                                2,
                                rusqlite::types::Type::Blob,
                                error.into(),
                            )
                        })?;
                        Ok(StoredEvent { id, duration: row.get(0)?, received: row.get(1)?, document })
                    },
                )
                .optional()
        })
        .await
    }

    /// Returns a profile. Without an application id, returns the profile that was received last.
    pub(crate) async fn profile(
        &self,
        kind: ProfileKind,
        key: String,
        application: Option<String>,
    ) -> Result<Option<StoredProfile>, ReadError> {
        self.read(move |database| {
            let found: Option<(i64, String)> = database
                .query_row(
                    "SELECT profiles.id, document FROM profiles
                     JOIN applications ON applications.id = profiles.application
                     WHERE kind = ?1 AND key = ?2 AND (?3 IS NULL OR applications.name = ?3)
                     ORDER BY received DESC, profiles.id DESC LIMIT 1",
                    (kind.as_str(), key, application),
                    |row| Ok((row.get(0)?, row.get(1)?)),
                )
                .optional()?;
            let Some((id, document)) = found else {
                return Ok(None);
            };
            let mut statement =
                database.prepare("SELECT token FROM profile_tokens WHERE profile = ?1 ORDER BY id")?;
            let session_tokens =
                statement.query_map([id], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?;
            Ok(Some(StoredProfile { document, session_tokens }))
        })
        .await
    }

    /// Returns the newest actions, at most `limit`.
    pub(crate) async fn actions(&self, limit: usize) -> Result<Vec<StoredAction>, ReadError> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        self.read(move |database| {
            let mut statement =
                database.prepare("SELECT id, document FROM actions ORDER BY time DESC, id DESC LIMIT ?1")?;
            let action = |row: &Row<'_>| Ok(StoredAction { id: row.get(0)?, document: row.get(1)? });
            statement.query_map([limit], action)?.collect()
        })
        .await
    }

    /// Returns counts over the whole database.
    pub(crate) async fn stats(&self) -> Result<Stats, ReadError> {
        self.read(|database| {
            let number = |query: &str| database.query_row(query, [], |row| row.get::<_, Option<i64>>(0));
            let counted = |name: &str| {
                database.query_row("SELECT value FROM counters WHERE name = ?1", [name], |row| row.get(0))
            };
            let bytes = number("PRAGMA page_count")?
                .zip(number("PRAGMA page_size")?)
                .map_or(0, |(pages, size)| pages.saturating_mul(size));
            Ok(Stats {
                events: counted("events")?,
                duplicates: counted("duplicates")?,
                actions: counted("actions")?,
                users: number("SELECT count(*) FROM users")?.unwrap_or(0),
                companies: number("SELECT count(*) FROM companies")?.unwrap_or(0),
                routes: number("SELECT count(*) FROM routes")?.unwrap_or(0),
                newest: number("SELECT max(time) FROM events")?,
                oldest: number("SELECT min(time) FROM events")?,
                bytes,
            })
        })
        .await
    }
}

/// One event with its document.
#[derive(Debug)]
pub(crate) struct StoredEvent {
    pub(crate) id: i64,
    pub(crate) duration: Option<i64>,
    pub(crate) received: i64,
    pub(crate) document: String,
}

/// A profile: its document without the session tokens, and the tokens.
#[derive(Debug)]
pub(crate) struct StoredProfile {
    pub(crate) document: String,
    pub(crate) session_tokens: Vec<String>,
}

/// An action.
#[derive(Debug)]
pub(crate) struct StoredAction {
    pub(crate) id: i64,
    pub(crate) document: String,
}

/// Counts over the whole database.
#[derive(Debug)]
pub(crate) struct Stats {
    pub(crate) events: i64,
    pub(crate) duplicates: i64,
    pub(crate) actions: i64,
    pub(crate) users: i64,
    pub(crate) companies: i64,
    pub(crate) routes: i64,
    pub(crate) newest: Option<i64>,
    pub(crate) oldest: Option<i64>,
    /// Size of the database in bytes.
    pub(crate) bytes: i64,
}
