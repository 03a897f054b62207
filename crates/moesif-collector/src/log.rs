//! Messages for the operator, on standard error.

use std::{
    fmt::Display,
    io::{Write, stderr},
};

/// Writes one line. Unlike `eprintln!`, it does not panic if standard error is closed, because the collector
/// must continue.
pub(crate) fn error(message: &impl Display) {
    let _unwritable = writeln!(stderr(), "moesif-collector: {message}");
}
