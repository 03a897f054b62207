//! What the collector's operator decides: sampling rates and governance rules.
//!
//! In: `GET /v1/config` and `GET /v1/rules`, fetched by a thread of the pipeline, and the versions that answers to batches
//! show. Out: a [`Remote`] that readers load without waiting; it changes as a whole. When a fetch fails, or brings what cannot
//! be read, what was loaded before stays; so do the rules when either document cannot be had, since they go by both.

mod schedule;

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Instant;

use arc_swap::ArcSwap;
use moesif_wire::{Config, InvalidField, Rule};

use super::governance::Governance;
use super::sampling::Sampling;
use crate::diagnostics::{Diagnostics, Severity};
use crate::http::{Endpoint, HttpTransport, Names, Reply, Tags, TransportError};
use schedule::{Document, Schedule};

/// Most parts of a document that are named one by one when they cannot be used.
const MOST_COMPLAINTS: usize = 5;

/// What is in force.
#[derive(Debug, Default)]
pub struct Remote {
    pub(crate) sampling: Sampling,
    governance: Arc<Governance>,
}

/// What is in force, and when it is fetched anew. One for each pipeline.
pub(crate) struct RemoteState {
    current: ArcSwap<Remote>,
    schedule: Mutex<Schedule>,
    wake: Condvar,
}

impl Default for RemoteState {
    fn default() -> Self {
        Self { current: ArcSwap::default(), schedule: Mutex::default(), wake: Condvar::new() }
    }
}

impl RemoteState {
    /// What is in force. Never waits.
    pub(crate) fn current(&self) -> Arc<Remote> {
        self.current.load_full()
    }

    /// The rules in force. `None` when there are none. Never waits.
    pub(crate) fn governance(&self) -> Option<Arc<Governance>> {
        let current = self.current.load();
        (!current.governance.is_empty()).then(|| Arc::clone(&current.governance))
    }

    /// An answer to events shows these versions.
    pub(crate) fn observe(&self, tags: &Tags) {
        if self.schedule().observe(tags) {
            self.wake.notify_one();
        }
    }

    fn wait_until_due(&self) {
        let mut schedule = self.schedule();
        loop {
            let wait = schedule.wait(Instant::now());
            if wait.is_zero() {
                schedule.begin();
                return;
            }
            schedule = self.wake.wait_timeout(schedule, wait).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn schedule(&self) -> MutexGuard<'_, Schedule> {
        self.schedule.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Starts the thread that keeps `state` up to date.
pub(crate) fn spawn(
    state: &Arc<RemoteState>,
    endpoint: &Endpoint,
    names: &Names,
    diagnostics: &Arc<Diagnostics>,
) -> io::Result<()> {
    let loader = Loader {
        state: Arc::clone(state),
        endpoint: endpoint.clone(),
        names: names.clone(),
        diagnostics: Arc::clone(diagnostics),
        config: Loaded::default(),
        rules: Loaded::default(),
        is_outdated: false,
        is_failing: AtomicBool::new(false),
    };
    thread::Builder::new().name("moesif-remote".to_owned()).spawn(move || loader.run()).map(drop)
}

struct Loader {
    state: Arc<RemoteState>,
    endpoint: Endpoint,
    names: Names,
    diagnostics: Arc<Diagnostics>,
    config: Loaded<Config>,
    rules: Loaded<Vec<Rule>>,
    /// What is in force is not what the documents say.
    is_outdated: bool,
    is_failing: AtomicBool,
}

/// A document, as it was and as it was read.
#[derive(Default)]
struct Loaded<T> {
    text: Vec<u8>,
    document: T,
}

/// Why there is nothing newer.
#[derive(Debug)]
enum Failure {
    /// No answer came.
    Transport(TransportError),
    /// This one did.
    Status(u16),
    /// What came is no such document.
    Unreadable(&'static str),
}

impl Loader {
    fn run(mut self) {
        let transport = HttpTransport::new(&self.endpoint, &self.names);
        loop {
            self.state.wait_until_due();
            let result = catch_unwind(AssertUnwindSafe(|| self.refresh(&transport)));
            let succeeded = result.unwrap_or_else(|_| {
                let message = "remote configuration is not applied because of a fault in this package: please report it";
                self.diagnostics.report(Severity::Error, message.to_owned());
                false
            });
            self.state.schedule().end(succeeded, Instant::now());
        }
    }

    /// Fetches both documents and puts into force what is new: rules only where both could be had, which is returned.
    fn refresh(&mut self, transport: &HttpTransport) -> bool {
        let config = self
            .fetch(transport, Document::Config)
            .and_then(|reply| self.config.read(reply, Config::parse, "a JSON object"));
        let rules = match &config {
            // Where nobody answers, nobody need be asked twice.
            Err(Failure::Transport(_)) => Ok(None),
            _ => self
                .fetch(transport, Document::Rules)
                .and_then(|reply| self.rules.read(reply, Rule::parse_list, "a JSON array")),
        };
        let mut complaints = Vec::new();
        let mut is_new = false;
        for result in [&config, &rules] {
            if let Ok(Some(found)) = result {
                is_new = true;
                complaints.extend(found.iter().map(InvalidField::to_string));
            }
        }
        self.is_outdated |= is_new;
        let is_config_new = matches!(&config, Ok(Some(_)));
        if is_config_new || self.is_outdated && config.is_ok() && rules.is_ok() {
            let (unusable_rates, unusable_rules) = self.apply(rules.is_ok());
            // Once for each document.
            complaints.extend(unusable_rates.into_iter().filter(|_| is_config_new));
            complaints.extend(unusable_rules);
        }
        self.complain(&complaints);
        let failure = config.err().map(|failure| (Document::Config, failure));
        let failure = failure.or_else(|| rules.err().map(|failure| (Document::Rules, failure)));
        self.report(failure.as_ref());
        failure.is_none()
    }

    /// Puts the documents into force. Returns what of them cannot be used: rates, and rules.
    ///
    /// Without the rules that go by this configuration, rates only: rules that are newer or older than their cohorts might
    /// block whom they are to spare.
    fn apply(&mut self, has_rules: bool) -> (Vec<String>, Vec<String>) {
        let (sampling, unusable_rates) = Sampling::new(&self.config.document);
        let (governance, unusable_rules) = if has_rules {
            self.is_outdated = false;
            let (governance, unusable) = Governance::new(&self.rules.document, &self.config.document);
            (Arc::new(governance), unusable)
        } else {
            (Arc::clone(&self.state.current().governance), Vec::new())
        };
        self.state.current.store(Arc::new(Remote { sampling, governance }));
        self.diagnostics.debug(|| {
            let what = if has_rules {
                format!("{} rules", self.rules.document.len())
            } else {
                "the rules of before".to_owned()
            };
            format!("remote configuration of {} is in force, with {what}", self.endpoint.base_uri())
        });
        (unusable_rates, unusable_rules)
    }

    fn fetch(&self, transport: &HttpTransport, document: Document) -> Result<Reply, Failure> {
        let reply =
            transport.get(document.path(), self.endpoint.request_timeout()).map_err(Failure::Transport)?;
        if !(200..=299).contains(&reply.status) {
            return Err(Failure::Status(reply.status));
        }
        let tag = match document {
            Document::Config => &reply.tags.config,
            Document::Rules => &reply.tags.rules,
        };
        self.state.schedule().loaded(document, tag.as_ref());
        Ok(reply)
    }

    fn complain(&self, complaints: &[String]) {
        for complaint in complaints.iter().take(MOST_COMPLAINTS) {
            let message = format!("a part of the remote configuration is not used: {complaint}");
            self.diagnostics.report(Severity::Warning, message);
        }
        if let Some(more) = complaints.len().checked_sub(MOST_COMPLAINTS).filter(|more| *more > 0) {
            let message = format!("{more} other parts of the remote configuration are not used either");
            self.diagnostics.report(Severity::Warning, message);
        }
    }

    /// Says when configuration cannot be had and when it can again, once each.
    fn report(&self, failure: Option<&(Document, Failure)>) {
        let was_failing = self.is_failing.swap(failure.is_some(), Ordering::Relaxed);
        let base = self.endpoint.base_uri();
        let (severity, message) = match failure {
            Some((document, failure)) if !was_failing => {
                let path = document.path();
                let found = match failure {
                    Failure::Transport(error) => error.to_string(),
                    Failure::Status(status) => format!("it answered {status}"),
                    Failure::Unreadable(expected) => format!("what it answered is not {expected}"),
                };
                let what = match document {
                    Document::Config => "sampling and rules",
                    Document::Rules => "rules",
                };
                let message = format!(
                    "cannot load remote configuration from {base}{path}: {found}; {what} stay as they are"
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
}

impl<T> Loaded<T> {
    /// Takes a document over if it is new, with what of it cannot be read.
    fn read(
        &mut self,
        reply: Reply,
        parse: impl FnOnce(&[u8]) -> Option<(T, Vec<InvalidField>)>,
        expected: &'static str,
    ) -> Result<Option<Vec<InvalidField>>, Failure> {
        if reply.body == self.text {
            return Ok(None);
        }
        let (document, complaints) = parse(&reply.body).ok_or(Failure::Unreadable(expected))?;
        *self = Self { text: reply.body, document };
        Ok(Some(complaints))
    }
}

impl Document {
    const fn path(self) -> &'static str {
        match self {
            Self::Config => "/v1/config",
            Self::Rules => "/v1/rules",
        }
    }
}
