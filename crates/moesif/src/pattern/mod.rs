//! Patterns of sampling and governance rules: Python's `re`, searched for anywhere in a text.

use std::fmt;

use regex::Regex;

/// A compiled pattern.
#[derive(Clone, Debug)]
pub struct Pattern {
    regex: Regex,
}

/// Why a pattern cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PatternError {
    reason: String,
}

/// A search was given up: it would have cost too much.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GaveUp;

impl Pattern {
    /// Compiles a pattern.
    ///
    /// # Errors
    ///
    /// When the pattern is invalid or uses what is not supported.
    pub fn new(source: &str) -> Result<Self, PatternError> {
        let regex = Regex::new(source).map_err(|error| PatternError { reason: error.to_string() })?;
        Ok(Self { regex })
    }

    /// Whether the pattern matches somewhere in the text.
    ///
    /// # Errors
    ///
    /// When the search was given up.
    pub fn is_match(&self, text: &str) -> Result<bool, GaveUp> {
        Ok(self.regex.is_match(text))
    }
}

impl fmt::Display for PatternError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.reason)
    }
}

impl std::error::Error for PatternError {}
