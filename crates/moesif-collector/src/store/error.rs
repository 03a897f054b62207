//! Errors of opening and writing.

use std::{io, path::PathBuf};

/// Why a data directory cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OpenError {
    #[error("cannot use data directory `{path}`: {error}; choose a writable directory with --data")]
    Directory { path: PathBuf, error: io::Error },
    #[error(
        "data directory `{path}` is used by another collector; stop it or choose another directory with --data"
    )]
    InUse { path: PathBuf },
    #[error(
        "cannot open database `{path}`: {error}; restore it from a backup or choose another directory with --data"
    )]
    Database { path: PathBuf, error: rusqlite::Error },
    #[error(
        "database `{path}` cannot be written; change its owner or mode, or choose another directory with --data"
    )]
    ReadOnly { path: PathBuf },
    #[error("`{path}` is not a database of this collector; choose another directory with --data")]
    Foreign { path: PathBuf },
    #[error(
        "database `{path}` has version {found}, but this collector supports only up to {supported}; run a newer \
         collector or choose another directory with --data"
    )]
    Newer { path: PathBuf, found: i64, supported: i64 },
    #[error("cannot start the database writer: {0}; check the limit on threads")]
    Thread(io::Error),
}

/// Why records were not stored.
#[derive(Clone, Debug, thiserror::Error)]
pub(crate) enum WriteError {
    #[error("the database cannot be written: {0}; nothing of this request was kept, send it again later")]
    Database(String),
    #[error("the database writer stopped and the collector is ending; send the request again later")]
    WriterStopped,
}
