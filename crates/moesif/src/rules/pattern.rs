//! Pattern of a condition, with a warning if a search is given up.

use std::sync::atomic::{AtomicBool, Ordering};

use crate::diagnostics::{Severity, Topic, diagnostics};
use crate::pattern::{GaveUp, Pattern};

pub(super) use crate::pattern::PatternError;

/// Pattern of a condition. A search that costs too much finds nothing and is logged once.
#[derive(Debug)]
pub(super) struct RulePattern {
    pattern: Pattern,
    /// Name in log messages.
    name: String,
    topic: Topic,
    has_given_up: AtomicBool,
}

impl RulePattern {
    pub(super) fn new(source: &str, name: String, topic: Topic) -> Result<Self, PatternError> {
        Ok(Self { pattern: Pattern::new(source)?, name, topic, has_given_up: AtomicBool::new(false) })
    }

    /// Returns whether the text contains the pattern.
    pub(super) fn is_in(&self, text: &str) -> bool {
        self.pattern.is_match(text).unwrap_or_else(|GaveUp| {
            if !self.has_given_up.swap(true, Ordering::Relaxed) {
                let message = format!(
                    "{} costs too much to search: the condition is treated as not met; simplify the pattern",
                    self.name
                );
                diagnostics().report_on(self.topic, Severity::Warning, message);
            }
            false
        })
    }
}
