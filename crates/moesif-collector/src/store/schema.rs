//! The database file: its tables, its version, and what every connection to it sets first.
//!
//! In: a path. Out: a connection whose schema is the one this build reads and writes. Never touches a database of a
//! newer version, nor a file that is somebody else's.

use std::{fs::OpenOptions, io, path::Path};

use rusqlite::{Connection, OpenFlags};

use super::OpenError;

/// Version of [`TABLES`], kept in `PRAGMA user_version`.
const VERSION: i64 = 1;
/// "Moes": tells a file of ours from any other SQLite database.
const APPLICATION: i64 = 0x4d6f_6573;

/// Names are stored once and events refer to them by number. Documents are kept apart from the rows, concatenated
/// and compressed in blocks, so that a listing never reads a body. Times are milliseconds since the Unix epoch.
///
/// No index by user or company: the two halve what one disk takes in (measured: 32,000 events a second without, 16,000
/// with, after 320,000 events), because each event dirties a page of each at random. Filtering reads by time instead.
const TABLES: &str = "
CREATE TABLE applications (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE) STRICT;
CREATE TABLE origins (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE) STRICT;
CREATE TABLE routes (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE) STRICT;
CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE) STRICT;
CREATE TABLE companies (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE) STRICT;

CREATE TABLE blocks (id INTEGER PRIMARY KEY, data BLOB NOT NULL) STRICT;

CREATE TABLE events (
    id INTEGER PRIMARY KEY,
    application INTEGER NOT NULL REFERENCES applications,
    time INTEGER NOT NULL,
    received INTEGER NOT NULL,
    duration INTEGER,
    verb TEXT NOT NULL,
    status INTEGER,
    origin INTEGER NOT NULL REFERENCES origins,
    route INTEGER NOT NULL REFERENCES routes,
    query TEXT,
    user INTEGER REFERENCES users,
    company INTEGER REFERENCES companies,
    direction TEXT,
    weight INTEGER NOT NULL,
    request_bytes INTEGER,
    response_bytes INTEGER,
    transaction_id TEXT,
    block INTEGER NOT NULL REFERENCES blocks,
    start INTEGER NOT NULL,
    length INTEGER NOT NULL
) STRICT;
CREATE INDEX events_by_time ON events (time);
CREATE UNIQUE INDEX events_once ON events (application, transaction_id) WHERE transaction_id IS NOT NULL;

CREATE TABLE actions (
    id INTEGER PRIMARY KEY,
    application INTEGER NOT NULL REFERENCES applications,
    time INTEGER NOT NULL,
    name TEXT NOT NULL,
    transaction_id TEXT,
    document TEXT NOT NULL
) STRICT;
CREATE INDEX actions_by_time ON actions (time);
CREATE UNIQUE INDEX actions_once ON actions (application, transaction_id) WHERE transaction_id IS NOT NULL;

CREATE TABLE profiles (
    id INTEGER PRIMARY KEY,
    kind TEXT NOT NULL,
    key TEXT NOT NULL,
    application INTEGER NOT NULL REFERENCES applications,
    received INTEGER NOT NULL,
    document TEXT NOT NULL,
    UNIQUE (kind, key, application)
) STRICT;
CREATE TABLE profile_tokens (
    id INTEGER PRIMARY KEY,
    profile INTEGER NOT NULL REFERENCES profiles,
    token TEXT NOT NULL,
    UNIQUE (profile, token)
) STRICT;

CREATE TABLE counters (name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT, WITHOUT ROWID;
INSERT INTO counters VALUES ('events', 0), ('duplicates', 0), ('actions', 0);
";

/// The one connection that writes. The log is folded back into the file every 16,000 pages: the more often, the
/// more often the same pages are written. Makes the file and its tables when they are absent.
pub(super) fn open_writer(path: &Path) -> Result<Connection, OpenError> {
    let broken = |error| OpenError::Database { path: path.to_owned(), error };
    create_private(path).map_err(|error| OpenError::Directory { path: path.to_owned(), error })?;
    let mut database = Connection::open_with_flags(
        path,
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX,
    )
    .map_err(broken)?;
    let number = |database: &Connection, query| database.query_row(query, [], |row| row.get::<_, i64>(0));
    let version = number(&database, "PRAGMA user_version").map_err(broken)?;
    let owner = number(&database, "PRAGMA application_id").map_err(broken)?;
    let tables = number(&database, "SELECT count(*) FROM sqlite_schema").map_err(broken)?;
    // Whose it is comes first: a version says something only in a database of ours.
    if owner != APPLICATION && (tables, version, owner) != (0, 0, 0) {
        return Err(OpenError::Foreign { path: path.to_owned() });
    }
    if version > VERSION {
        return Err(OpenError::Newer { path: path.to_owned(), found: version, known: VERSION });
    }
    // What SQLite may not write it opens for reading, and says so only to the first who writes.
    if database.is_readonly("main").map_err(broken)? {
        return Err(OpenError::ReadOnly { path: path.to_owned() });
    }
    database
        .execute_batch(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = OFF;
             PRAGMA wal_autocheckpoint = 16000; PRAGMA journal_size_limit = 134217728;
             PRAGMA cache_size = -65536; PRAGMA temp_store = MEMORY;",
        )
        .map_err(broken)?;
    if version == 0 {
        let made = database.transaction().and_then(|transaction| {
            transaction.execute_batch(TABLES)?;
            transaction.pragma_update(None, "application_id", APPLICATION)?;
            transaction.pragma_update(None, "user_version", VERSION)?;
            transaction.commit()
        });
        made.map_err(broken)?;
    }
    // The right to write, for real: not only in name.
    database.execute_batch("BEGIN IMMEDIATE; ROLLBACK").map_err(broken)?;
    Ok(database)
}

/// Makes an empty file that only its owner can read where there is none. The files SQLite puts beside it get the
/// same mode.
fn create_private(path: &Path) -> io::Result<()> {
    match private(OpenOptions::new().write(true).create_new(true)).open(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}

/// A file made with these options is its owner's only.
pub(super) fn private(options: &mut OpenOptions) -> &mut OpenOptions {
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(options, 0o600);
    options
}

/// A connection that can only read.
pub(super) fn open_reader(path: &Path) -> rusqlite::Result<Connection> {
    let database = Connection::open_with_flags(
        path,
        OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX,
    )?;
    database.execute_batch("PRAGMA query_only = ON; PRAGMA cache_size = -16384;")?;
    Ok(database)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// SIGKILL does not tell a write that reached the disk from one that did not: only the setting does.
    #[test]
    fn a_commit_waits_for_the_disk() {
        let directory = std::env::temp_dir().join(format!("moesif-collector-schema-{}", std::process::id()));
        std::fs::create_dir_all(&directory).unwrap();
        let database = open_writer(&directory.join("collector.db")).unwrap();
        let setting = |query| database.query_row(query, [], |row| row.get::<_, rusqlite::types::Value>(0));
        assert_eq!(setting("PRAGMA synchronous").unwrap(), 2.into());
        assert_eq!(setting("PRAGMA journal_mode").unwrap(), "wal".to_owned().into());
        drop(database);
        std::fs::remove_dir_all(directory).unwrap();
    }
}
