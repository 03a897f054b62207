//! The database file: its tables, its version and the settings of each connection. A database of a newer
//! version, or of another program, is never changed.

use std::{fs::OpenOptions, io, path::Path};

use rusqlite::{Connection, OpenFlags};

use super::error::OpenError;

/// Version of [`TABLES`], kept in `PRAGMA user_version`.
const VERSION: i64 = 1;
/// "Moes": marks a database of this collector, in `PRAGMA application_id`.
const APPLICATION_ID: i64 = 0x4d6f_6573;

/// Names are stored once, and events refer to them by number. Documents are not in the event rows but in
/// compressed blocks, so that a list never reads a body. Times are milliseconds since the Unix epoch.
///
/// There is no index by user or company, because each event would change a random page of each index. Filters
/// read the events by time instead. Measured after 320,000 events: 32,000 events per second without these
/// indexes, 16,000 with them.
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

/// Opens the only connection that writes. Creates the file and its tables if they do not exist.
///
/// A checkpoint runs every 16,000 pages of the log. More frequent checkpoints would write the same pages more
/// often.
pub(super) fn open_writer(path: &Path) -> Result<Connection, OpenError> {
    let failure = |error| OpenError::Database { path: path.to_owned(), error };
    create_file(path).map_err(|error| OpenError::Directory { path: path.to_owned(), error })?;
    let mut database = Connection::open_with_flags(
        path,
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX,
    )
    .map_err(failure)?;
    let number = |database: &Connection, query| database.query_row(query, [], |row| row.get::<_, i64>(0));
    let version = number(&database, "PRAGMA user_version").map_err(failure)?;
    let application_id = number(&database, "PRAGMA application_id").map_err(failure)?;
    let tables = number(&database, "SELECT count(*) FROM sqlite_schema").map_err(failure)?;
    // Checked before the version, which has a meaning only in a database of this collector.
    if application_id != APPLICATION_ID && (tables, version, application_id) != (0, 0, 0) {
        return Err(OpenError::Foreign { path: path.to_owned() });
    }
    if version > VERSION {
        return Err(OpenError::Newer { path: path.to_owned(), found: version, supported: VERSION });
    }
    // If the file is not writable, SQLite opens it read-only and reports no error.
    if database.is_readonly("main").map_err(failure)? {
        return Err(OpenError::ReadOnly { path: path.to_owned() });
    }
    database
        .execute_batch(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = OFF;
             PRAGMA wal_autocheckpoint = 16000; PRAGMA journal_size_limit = 134217728;
             PRAGMA cache_size = -65536; PRAGMA temp_store = MEMORY;",
        )
        .map_err(failure)?;
    if version == 0 {
        let created = database.transaction().and_then(|transaction| {
            transaction.execute_batch(TABLES)?;
            transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
            transaction.pragma_update(None, "user_version", VERSION)?;
            transaction.commit()
        });
        created.map_err(failure)?;
    }
    // Takes the write lock once, because the checks above do not prove that writing works.
    database.execute_batch("BEGIN IMMEDIATE; ROLLBACK").map_err(failure)?;
    Ok(database)
}

/// Creates an empty file that only its owner can read, if there is none. SQLite gives the files next to it
/// the same mode.
fn create_file(path: &Path) -> io::Result<()> {
    match owner_only(OpenOptions::new().write(true).create_new(true)).open(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}

/// Sets the mode of new files so that only their owner can read them.
pub(super) fn owner_only(options: &mut OpenOptions) -> &mut OpenOptions {
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(options, 0o600);
    options
}

/// Opens a read-only connection.
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

    /// Checks the setting, because a test that kills the process cannot show that a commit waits for the
    /// disk.
    #[test]
    fn commit_waits_for_the_disk() {
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
