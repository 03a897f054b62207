//! The thread that fetches the remote configuration and applies it.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Instant;

use moesif_wire::{Config, InvalidField, Rule};

use super::Document;
use super::report::{Failure, LoadError, Reporter};
use super::state::{Remote, RemoteState};
use crate::diagnostics::Diagnostics;
use crate::http::{Endpoint, HttpTransport, NameResolver, Reply};
use crate::rules::governance::Governance;
use crate::rules::sampling::Sampling;

/// Fetches the documents of one collector and applies them.
pub(super) struct Loader {
    state: Arc<RemoteState>,
    endpoint: Endpoint,
    names: NameResolver,
    reporter: Reporter,
    config: Loaded<Config>,
    rules: Loaded<Vec<Rule>>,
    /// A document was loaded but is not fully applied.
    is_outdated: bool,
}

/// A document as it was received and as it was read.
#[derive(Default)]
struct Loaded<T> {
    text: Vec<u8>,
    document: T,
}

impl Loader {
    pub(super) fn new(
        state: Arc<RemoteState>,
        endpoint: Endpoint,
        names: NameResolver,
        diagnostics: Arc<Diagnostics>,
    ) -> Self {
        let reporter = Reporter::new(diagnostics, endpoint.base_uri().to_owned());
        Self {
            state,
            endpoint,
            names,
            reporter,
            config: Loaded::default(),
            rules: Loaded::default(),
            is_outdated: false,
        }
    }

    /// Fetches the documents according to the schedule. Never returns.
    pub(super) fn run(mut self) {
        let transport = HttpTransport::new(&self.endpoint, &self.names);
        loop {
            self.state.wait_until_due();
            let result = catch_unwind(AssertUnwindSafe(|| self.refresh(&transport)));
            let succeeded = result.unwrap_or_else(|_| {
                self.reporter.panicked();
                false
            });
            self.state.schedule().end(succeeded, Instant::now());
        }
    }

    /// Fetches both documents and applies those that are new. Returns whether both could be loaded.
    fn refresh(&mut self, transport: &HttpTransport) -> bool {
        let config = self
            .fetch(transport, Document::Config)
            .and_then(|reply| self.config.read(reply, Config::parse, "a JSON object"));
        let rules = match &config {
            // If the collector does not answer, the second request would only wait again.
            Err(LoadError::Transport(_)) => Ok(None),
            _ => self
                .fetch(transport, Document::Rules)
                .and_then(|reply| self.rules.read(reply, Rule::parse_list, "a JSON array")),
        };
        let mut problems = Vec::new();
        let mut is_new = false;
        for invalid_fields in [&config, &rules].into_iter().flatten().flatten() {
            is_new = true;
            problems.extend(invalid_fields.iter().map(InvalidField::to_string));
        }
        self.is_outdated |= is_new;
        let is_config_new = matches!(&config, Ok(Some(_)));
        if is_config_new || self.is_outdated && config.is_ok() && rules.is_ok() {
            self.apply(is_config_new, rules.is_ok(), &mut problems);
        }
        self.reporter.problems(&problems);
        let config_failure = config.err().map(|error| Failure { document: Document::Config, error });
        let rules_failure = rules.err().map(|error| Failure { document: Document::Rules, error });
        let failure = config_failure.or(rules_failure);
        self.reporter.outcome(failure.as_ref());
        failure.is_none()
    }

    /// Applies the documents. Adds a message to `problems` for each part of a new document that cannot be
    /// used.
    ///
    /// If `has_rules` is false, the earlier rules stay in force. The configuration defines the cohorts of the
    /// rules. Rules with the cohorts of another version could block the wrong callers.
    fn apply(&mut self, is_config_new: bool, has_rules: bool, problems: &mut Vec<String>) {
        let mut rate_problems = Vec::new();
        let sampling = Sampling::new(&self.config.document, &mut rate_problems);
        if is_config_new {
            problems.append(&mut rate_problems);
        }
        let governance = if has_rules {
            self.is_outdated = false;
            Arc::new(Governance::new(&self.rules.document, &self.config.document, problems))
        } else {
            Arc::clone(&self.state.current().governance)
        };
        self.state.replace(Remote { sampling, governance });
        self.reporter.in_force(has_rules.then_some(self.rules.document.len()));
    }

    fn fetch(&self, transport: &HttpTransport, document: Document) -> Result<Reply, LoadError> {
        let reply =
            transport.get(document.path(), self.endpoint.request_timeout()).map_err(LoadError::Transport)?;
        if !(200..=299).contains(&reply.status) {
            return Err(LoadError::Status(reply.status));
        }
        let tag = match document {
            Document::Config => &reply.tags.config,
            Document::Rules => &reply.tags.rules,
        };
        self.state.schedule().loaded(document, tag.as_ref());
        Ok(reply)
    }
}

impl<T> Loaded<T> {
    /// Parses and stores a document if it differs from the earlier one. Returns its invalid fields, or `None`
    /// if nothing has changed.
    fn read(
        &mut self,
        reply: Reply,
        parse: impl FnOnce(&[u8]) -> Option<(T, Vec<InvalidField>)>,
        expected: &'static str,
    ) -> Result<Option<Vec<InvalidField>>, LoadError> {
        if reply.body == self.text {
            return Ok(None);
        }
        let (document, invalid_fields) = parse(&reply.body).ok_or(LoadError::Unreadable { expected })?;
        *self = Self { text: reply.body, document };
        Ok(Some(invalid_fields))
    }
}
