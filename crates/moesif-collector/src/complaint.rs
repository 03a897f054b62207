//! What the operator is told while the collector runs. In: a sentence. Out: a line on standard error.
//!
//! Never fails: a terminal that was closed or a log pipe whose reader died is no reason to stop storing events,
//! which is what `eprintln!` would make of it.

use std::{
    fmt::Display,
    io::{Write, stderr},
};

/// Says one line.
pub(crate) fn complain(sentence: &impl Display) {
    let _unread = writeln!(stderr(), "moesif-collector: {sentence}");
}
