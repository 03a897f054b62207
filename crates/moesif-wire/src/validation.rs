//! Error of a document that is rejected because of one field.

use std::{borrow::Cow, fmt};

use crate::text::excerpt;

/// Why a document is rejected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ValidationError {
    /// Dotted path of the field, such as `request.time`. Empty if the whole document is meant.
    pub field: String,
    /// What is wrong with the field.
    pub problem: Problem,
}

/// What is wrong with a field.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// The value is missing, or is not of the expected kind or size.
    #[error("expected {expected}, found {found}")]
    Unexpected {
        /// Value that the contract requires, such as `a string`.
        expected: Cow<'static, str>,
        /// Start of the value's JSON text, its size, or `nothing`.
        found: String,
    },
    /// The value cannot be read or written at all. Holds the parser's message.
    #[error("{0}")]
    Unreadable(String),
}

impl ValidationError {
    /// A required field is absent.
    #[must_use]
    pub fn missing(field: &str, expected: &'static str) -> Self {
        Self::new(field, expected, "nothing")
    }

    /// A value is not the expected one. `found` is its JSON text, of which the start is kept.
    #[must_use]
    pub fn unexpected(field: &str, expected: &'static str, found: &str) -> Self {
        Self::new(field, expected, excerpt(found))
    }

    /// A value is longer than `max` bytes.
    #[must_use]
    pub fn too_long(field: &str, max: usize, found: usize) -> Self {
        Self::new(field, format!("at most {max} bytes"), found.to_string())
    }

    /// An array or object has more than `max` members.
    pub(crate) fn too_many(field: &str, max: usize, members: &str) -> Self {
        Self::new(field, format!("at most {max} {members}"), "more")
    }

    /// A value cannot be read or written.
    #[must_use]
    pub fn unreadable(field: &str, error: &impl ToString) -> Self {
        Self { field: field.to_owned(), problem: Problem::Unreadable(error.to_string()) }
    }

    /// Any other mismatch.
    #[must_use]
    pub fn new(field: &str, expected: impl Into<Cow<'static, str>>, found: impl Into<String>) -> Self {
        let problem = Problem::Unexpected { expected: expected.into(), found: found.into() };
        Self { field: field.to_owned(), problem }
    }
}

impl fmt::Display for ValidationError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.field, self.problem)
    }
}

impl std::error::Error for ValidationError {}
