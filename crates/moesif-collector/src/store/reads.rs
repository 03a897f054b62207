//! Reads. In: a filter, an id. Out: rows and whole documents, as of one moment. Each read has a read-only connection
//! of its own on a blocking thread; a fixed number run at once and none runs for ever.

use std::{
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use rusqlite::{Connection, OptionalExtension, Row, params_from_iter, types::Value as Sql};
use tokio::sync::Semaphore;

use super::{
    blocks::{Span, extract},
    record::ProfileKind,
    schema::open_reader,
};

/// Reads that run at once.
const AT_ONCE: usize = 4;
/// A read that takes longer is cut off.
const LONGEST: Duration = Duration::from_secs(20);
/// Steps of the database engine between two looks at the clock.
const STEPS: i32 = 100_000;

/// Why a read gave nothing.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReadError {
    #[error("the database cannot be read: {0}; look at the collector's data directory")]
    Database(#[from] rusqlite::Error),
    #[error("the query took longer than 20 seconds; narrow it with from and to")]
    TooLong,
    #[error("the collector is stopping")]
    Stopped,
}

/// Read-only connections, opened as they are needed.
#[derive(Clone)]
pub(crate) struct Readers {
    path: Arc<PathBuf>,
    idle: Arc<Mutex<Vec<Connection>>>,
    slots: Arc<Semaphore>,
}

impl Readers {
    pub(super) fn new(path: PathBuf) -> Self {
        Self { path: Arc::new(path), idle: Arc::default(), slots: Arc::new(Semaphore::new(AT_ONCE)) }
    }

    /// Runs `query` on a connection of its own.
    async fn read<T: Send + 'static>(
        &self,
        query: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, ReadError> {
        let slot = Arc::clone(&self.slots).acquire_owned().await.map_err(|_| ReadError::Stopped)?;
        let (path, idle) = (Arc::clone(&self.path), Arc::clone(&self.idle));
        let read = tokio::task::spawn_blocking(move || {
            let _slot = slot;
            let kept = idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
            let mut database = kept.map_or_else(|| open_reader(&path), Ok)?;
            let end = Instant::now() + LONGEST;
            database.progress_handler(STEPS, Some(move || Instant::now() > end))?;
            let answer = query(&database);
            idle.lock().unwrap_or_else(PoisonError::into_inner).push(database);
            answer
        });
        match read.await {
            Ok(Err(error))
                if error.sqlite_error_code() == Some(rusqlite::ErrorCode::OperationInterrupted) =>
            {
                Err(ReadError::TooLong)
            }
            Ok(answer) => Ok(answer?),
            Err(_) => Err(ReadError::Stopped),
        }
    }

    /// The newest events that match, at most `limit`, and where to go on.
    pub(crate) async fn events(
        &self,
        filter: EventFilter,
        limit: usize,
    ) -> Result<(Vec<EventRow>, Option<Cursor>), ReadError> {
        self.read(move |database| {
            let (query, values) = filter.query(limit.saturating_add(1));
            let mut statement = database.prepare(&query)?;
            let rows = statement.query_map(params_from_iter(values), EventRow::from_row)?;
            let mut rows = rows.collect::<rusqlite::Result<Vec<_>>>()?;
            let more = rows.len() > limit;
            rows.truncate(limit);
            let next = rows.last().filter(|_| more).map(|row| Cursor { time: row.time, id: row.id });
            Ok((rows, next))
        })
        .await
    }

    /// One whole event.
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

    /// A profile's document and session tokens: of one application id, or the one written last.
    pub(crate) async fn profile(
        &self,
        kind: ProfileKind,
        key: String,
        application: Option<String>,
    ) -> Result<Option<(String, Vec<String>)>, ReadError> {
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
            let mut tokens =
                database.prepare("SELECT token FROM profile_tokens WHERE profile = ?1 ORDER BY id")?;
            let tokens = tokens.query_map([id], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?;
            Ok(Some((document, tokens)))
        })
        .await
    }

    /// The newest actions: id and document.
    pub(crate) async fn actions(&self, limit: i64) -> Result<Vec<(i64, String)>, ReadError> {
        self.read(move |database| {
            let mut statement =
                database.prepare("SELECT id, document FROM actions ORDER BY time DESC, id DESC LIMIT ?1")?;
            statement.query_map([limit], |row| Ok((row.get(0)?, row.get(1)?)))?.collect()
        })
        .await
    }

    /// What there is.
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

/// A place in the list of events, newest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cursor {
    pub(crate) time: i64,
    pub(crate) id: i64,
}

/// A status, or all of a class.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StatusFilter {
    Exact(u16),
    /// `4` stands for 400 to 499.
    Class(u16),
}

/// Which events are wanted. Everything set must hold.
#[derive(Debug, Default)]
pub(crate) struct EventFilter {
    pub(crate) verb: Option<String>,
    pub(crate) status: Option<StatusFilter>,
    pub(crate) route: Option<String>,
    pub(crate) user: Option<String>,
    pub(crate) company: Option<String>,
    pub(crate) direction: Option<&'static str>,
    /// The first moment that counts, in milliseconds.
    pub(crate) from: Option<i64>,
    /// The first moment that does not.
    pub(crate) to: Option<i64>,
    /// Go on behind this place.
    pub(crate) after: Option<Cursor>,
}

impl EventFilter {
    /// The query and its values. CROSS JOIN and the named index keep the engine going through the events by time,
    /// newest first without sorting: it stops as soon as the page is full.
    fn query(self, limit: usize) -> (String, Vec<Sql>) {
        let mut query = String::from(
            "SELECT e.id, e.time, e.verb, origins.name, routes.name, e.query, e.status, e.duration, users.name,
                companies.name, e.direction, e.weight, e.transaction_id, e.request_bytes, e.response_bytes
             FROM events e INDEXED BY events_by_time
             CROSS JOIN routes ON routes.id = e.route CROSS JOIN origins ON origins.id = e.origin
             LEFT JOIN users ON users.id = e.user LEFT JOIN companies ON companies.id = e.company WHERE true",
        );
        let mut values = Vec::new();
        let mut condition = |text: &str, given: Vec<Sql>| {
            query.push_str(" AND ");
            query.push_str(text);
            values.extend(given);
        };
        if let Some(verb) = self.verb {
            condition("e.verb = ? COLLATE NOCASE", vec![verb.into()]);
        }
        match self.status {
            Some(StatusFilter::Exact(status)) => condition("e.status = ?", vec![i64::from(status).into()]),
            Some(StatusFilter::Class(class)) => {
                condition("e.status / 100 = ?", vec![i64::from(class).into()]);
            }
            None => {}
        }
        if let Some(part) = self.route {
            condition("instr(routes.name, ?) > 0", vec![part.into()]);
        }
        if let Some(user) = self.user {
            condition("e.user = (SELECT id FROM users WHERE name = ?)", vec![user.into()]);
        }
        if let Some(company) = self.company {
            condition("e.company = (SELECT id FROM companies WHERE name = ?)", vec![company.into()]);
        }
        if let Some(direction) = self.direction {
            condition("e.direction = ?", vec![direction.to_owned().into()]);
        }
        if let Some(from) = self.from {
            condition("e.time >= ?", vec![from.into()]);
        }
        if let Some(to) = self.to {
            condition("e.time < ?", vec![to.into()]);
        }
        if let Some(Cursor { time, id }) = self.after {
            condition("e.time <= ? AND (e.time, e.id) < (?, ?)", vec![time.into(), time.into(), id.into()]);
        }
        query.push_str(" ORDER BY e.time DESC, e.id DESC LIMIT ?");
        values.push(i64::try_from(limit).unwrap_or(i64::MAX).into());
        (query, values)
    }
}

/// An event as the list shows it.
#[derive(Debug)]
pub(crate) struct EventRow {
    pub(crate) id: i64,
    pub(crate) time: i64,
    pub(crate) verb: String,
    pub(crate) uri: String,
    pub(crate) route: String,
    pub(crate) status: Option<u16>,
    pub(crate) duration: Option<i64>,
    pub(crate) user: Option<String>,
    pub(crate) company: Option<String>,
    pub(crate) direction: Option<String>,
    pub(crate) weight: i64,
    pub(crate) transaction_id: Option<String>,
    pub(crate) request_bytes: Option<i64>,
    pub(crate) response_bytes: Option<i64>,
}

impl EventRow {
    fn from_row(row: &Row<'_>) -> rusqlite::Result<Self> {
        let route: String = row.get(4)?;
        let uri = row.get::<_, String>(3)? + &route + &row.get::<_, Option<String>>(5)?.unwrap_or_default();
        Ok(Self {
            id: row.get(0)?,
            time: row.get(1)?,
            verb: row.get(2)?,
            uri,
            route,
            status: row.get(6)?,
            duration: row.get(7)?,
            user: row.get(8)?,
            company: row.get(9)?,
            direction: row.get(10)?,
            weight: row.get(11)?,
            transaction_id: row.get(12)?,
            request_bytes: row.get(13)?,
            response_bytes: row.get(14)?,
        })
    }
}

/// A whole event: its document as it is stored, never taken apart.
#[derive(Debug)]
pub(crate) struct StoredEvent {
    pub(crate) id: i64,
    pub(crate) duration: Option<i64>,
    pub(crate) received: i64,
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
    pub(crate) bytes: i64,
}
