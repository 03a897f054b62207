//! Log messages about remote configuration.

use std::sync::Arc;

use super::Document;
use crate::diagnostics::{Diagnostics, Severity, counted};
use crate::http::TransportError;

/// Maximum number of problems of a fetch that are logged one by one.
const MAX_PROBLEMS: usize = 5;

/// Logs about the remote configuration of one collector.
pub(super) struct Reporter {
    diagnostics: Arc<Diagnostics>,
    base_uri: String,
    is_failing: bool,
}

/// A document that could not be loaded, and why.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) document: Document,
    pub(super) error: LoadError,
}

/// Why a document could not be loaded.
#[derive(Debug, thiserror::Error)]
pub(super) enum LoadError {
    /// No complete answer came.
    #[error("{0}")]
    Transport(TransportError),
    /// The answer has a status other than 2xx.
    #[error("the collector answered {0}")]
    Status(u16),
    /// The answer is not the expected document.
    #[error("the answer is not {expected}")]
    Unreadable { expected: &'static str },
}

impl Reporter {
    pub(super) fn new(diagnostics: Arc<Diagnostics>, base_uri: String) -> Self {
        Self { diagnostics, base_uri, is_failing: false }
    }

    /// Logs the parts of the documents that cannot be used.
    pub(super) fn problems(&self, problems: &[String]) {
        for problem in problems.iter().take(MAX_PROBLEMS) {
            let message = format!("a part of the remote configuration is not used: {problem}");
            self.diagnostics.report(Severity::Warning, message);
        }
        if let Some(more) = problems.len().checked_sub(MAX_PROBLEMS).filter(|more| *more > 0) {
            let message = format!("{more} other parts of the remote configuration are not used either");
            self.diagnostics.report(Severity::Warning, message);
        }
    }

    /// Logs when loading begins to fail, and when it works again.
    pub(super) fn outcome(&mut self, failure: Option<&Failure>) {
        let was_failing = std::mem::replace(&mut self.is_failing, failure.is_some());
        let base = &self.base_uri;
        let (severity, message) = match failure {
            Some(Failure { document, error }) if !was_failing => {
                let path = document.path();
                let unchanged = match document {
                    Document::Config => "sampling and rules",
                    Document::Rules => "rules",
                };
                let message = format!(
                    "cannot load remote configuration from {base}{path}: {error}; {unchanged} do not change"
                );
                (Severity::Warning, message)
            }
            None if was_failing => {
                (Severity::Info, format!("remote configuration from {base} can be loaded again"))
            }
            _ => return,
        };
        self.diagnostics.report(severity, message);
    }

    /// Logs under `DEBUG` that a configuration is in force. `rules` is `None` if the earlier rules stay.
    pub(super) fn in_force(&self, rules: Option<usize>) {
        self.diagnostics.debug(|| {
            let rules = rules.map_or_else(|| "the earlier rules".to_owned(), |count| counted(count, "rule"));
            format!("remote configuration of {} is in force, with {rules}", self.base_uri)
        });
    }

    /// Logs that the loader has panicked.
    pub(super) fn panicked(&self) {
        let message =
            "the remote configuration was not applied because of a bug in this package: please report it";
        self.diagnostics.report(Severity::Error, message.to_owned());
    }
}
