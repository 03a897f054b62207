//! Pattern of a condition. Reports a search that exceeds its limit.

use std::sync::atomic::{AtomicBool, Ordering};

use python_re::{LimitExceeded, Pattern};

use crate::diagnostics::{Severity, Topic, diagnostics};

pub(super) use python_re::PatternError;

/// Pattern of a condition.
#[derive(Debug)]
pub(super) struct RulePattern {
    pattern: Pattern,
    /// Names the pattern in log messages.
    name: String,
    topic: Topic,
    /// Whether a search has exceeded its limit, which is logged once.
    has_exceeded: AtomicBool,
}

impl RulePattern {
    pub(super) fn new(source: &str, name: String, topic: Topic) -> Result<Self, PatternError> {
        Ok(Self { pattern: Pattern::new(source)?, name, topic, has_exceeded: AtomicBool::new(false) })
    }

    /// Returns whether the pattern matches anywhere in the text. A search that exceeds its limit is no match;
    /// the first one is logged.
    pub(super) fn is_in(&self, text: &str) -> bool {
        self.pattern.is_match(text).unwrap_or_else(|LimitExceeded| {
            if !self.has_exceeded.swap(true, Ordering::Relaxed) {
                let message = format!(
                    "{} is too expensive: a search was stopped and the condition did not match. Simplify the pattern",
                    self.name
                );
                diagnostics().report_on(self.topic, Severity::Warning, message);
            }
            false
        })
    }
}
