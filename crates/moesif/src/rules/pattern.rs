//! The pattern of a rule: a search that is given up finds nothing, and the operator is told once.

use std::sync::atomic::{AtomicBool, Ordering};

use crate::diagnostics::{Severity, Topic, diagnostics};
use crate::pattern::{GaveUp, Pattern, PatternError};

#[derive(Debug)]
pub(crate) struct RulePattern {
    pattern: Pattern,
    /// What an operator calls it.
    name: String,
    topic: Topic,
    has_given_up: AtomicBool,
}

impl RulePattern {
    pub(crate) fn new(source: &str, name: String, topic: Topic) -> Result<Self, PatternError> {
        Ok(Self { pattern: Pattern::new(source)?, name, topic, has_given_up: AtomicBool::new(false) })
    }

    pub(crate) fn is_in(&self, text: &str) -> bool {
        self.pattern.is_match(text).unwrap_or_else(|GaveUp| {
            if !self.has_given_up.swap(true, Ordering::Relaxed) {
                let message = format!("{} costs too much: calls pass it unseen", self.name);
                diagnostics().report_on(self.topic, Severity::Warning, message);
            }
            false
        })
    }
}
