//! The server's own time, in milliseconds since the Unix epoch.

use std::time::{SystemTime, UNIX_EPOCH};

/// Now. A clock set before 1970 reads as 1970.
pub(crate) fn now_millis() -> i64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .ok()
        .and_then(|since| i64::try_from(since.as_millis()).ok())
        .unwrap_or(0)
}
