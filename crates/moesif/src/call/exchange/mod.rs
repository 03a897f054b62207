//! Record of one API call.
//!
//! [`Exchange`] has three parts: `request`, `response` and `caller`. Each has its own file, with the methods
//! that fill and read it. `event` turns the record into the event that is sent. `memory` starts a record and
//! recycles its memory.

mod caller;
mod event;
mod memory;
mod request;
mod response;

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use moesif_wire::Timestamp;
use serde_json::value::RawValue;

use super::arena::Arena;
use super::metadata::with_member;
use super::{Policy, Reservation, TransactionId};
use caller::Caller;
use request::RequestRecord;
use response::ResponseRecord;

pub use event::{EventDocument, Projection};

pub(crate) use memory::Spares;

/// Record of one API call, from its arrival until its event is delivered.
///
/// An adapter fills it on the application's thread. Text and bodies are copied into memory that the record
/// owns.
pub struct Exchange {
    policy: Arc<Policy>,
    transaction_id: TransactionId,
    /// Id of the process the call arrived in.
    pid: u32,
    timing: Timing,
    text: Arena,
    request: RequestRecord,
    response: ResponseRecord,
    caller: Caller,
    outcome: Outcome,
    /// Bytes of the budget that this record has reserved.
    reservation: Reservation,
}

/// When the call began and how long it took.
struct Timing {
    arrived: Timestamp,
    started: Instant,
    took: Option<Duration>,
}

/// Decisions about the event by rules, sampling and the application's functions.
struct Outcome {
    /// Id of the governance rule that answered.
    blocked_by: Option<String>,
    /// Sampling weight, at least 1.
    weight: u64,
    /// JSON object that the application adds.
    metadata: Option<Box<RawValue>>,
    /// The event is sent without its content.
    is_stripped: bool,
    /// Event that the application made instead of the recorded one.
    replacement: Option<Box<RawValue>>,
}

impl Timing {
    /// Returns the timing of a call that arrives now.
    fn now() -> Self {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self {
            arrived: Timestamp::from_millis(i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX)),
            started: Instant::now(),
            took: None,
        }
    }

    /// Returns when the response ended: the arrival plus the time that the monotonic clock measured.
    fn ended(&self) -> Timestamp {
        let took = self.took.unwrap_or_default().as_millis();
        let took = i64::try_from(took).unwrap_or(i64::MAX);
        Timestamp::from_millis(self.arrived.as_millis().saturating_add(took))
    }
}

impl Default for Outcome {
    fn default() -> Self {
        Self { blocked_by: None, weight: 1, metadata: None, is_stripped: false, replacement: None }
    }
}

impl Exchange {
    /// Records that the response has ended now. Only the first call has an effect.
    pub fn finish(&mut self) {
        self.timing.took.get_or_insert_with(|| self.timing.started.elapsed());
    }

    /// Returns the id of the event.
    #[must_use]
    pub fn transaction_id(&self) -> &str {
        self.transaction_id.as_str()
    }

    /// Records that a governance rule answered instead of the application. The body is then a JSON document.
    pub fn set_blocked_by(&mut self, rule: String) {
        self.outcome.blocked_by = Some(rule);
    }

    /// Sets the metadata: a JSON object.
    pub fn set_metadata(&mut self, metadata: Box<RawValue>) {
        self.outcome.metadata = Some(metadata);
    }

    /// Adds a text member to the metadata, unless the application has set a member of that name.
    pub fn add_metadata(&mut self, name: &str, text: &str) {
        if let Some(metadata) = with_member(self.outcome.metadata.as_deref(), name, text) {
            self.outcome.metadata = Some(metadata);
        }
    }

    /// Sets the sampling weight: the number of calls that this one represents, itself included.
    pub(crate) fn set_weight(&mut self, weight: u64) {
        self.outcome.weight = weight;
    }

    /// Returns the sampling weight: the number of calls that this one represents, itself included.
    #[must_use]
    pub fn weight(&self) -> u64 {
        self.outcome.weight
    }

    /// Removes headers, bodies, query, session token and metadata from the event when it is sent. Has no
    /// effect on a document set by [`Exchange::set_document`].
    pub fn strip_content(&mut self) {
        self.outcome.is_stripped = true;
    }

    /// Replaces the event by a document of the application. Frees recorded bodies and metadata.
    pub fn set_document(&mut self, document: Box<RawValue>) {
        self.discard_bodies();
        self.outcome.metadata = None;
        self.outcome.replacement = Some(document);
    }

    /// Returns the id of the process the call arrived in.
    pub(crate) fn pid(&self) -> u32 {
        self.pid
    }

    /// Returns when the response ended, on the monotonic clock.
    pub(crate) fn finished_at(&self) -> Instant {
        self.timing.started + self.timing.took.unwrap_or_default()
    }
}

#[cfg(test)]
pub(crate) mod testing {
    //! Exchanges for tests.

    use std::sync::Arc;

    use super::Exchange;
    use crate::call::{Budget, Identifiers, Policy};

    /// Returns an empty record with a separate budget.
    pub(crate) fn begin(policy: Policy, budget_bytes: u64) -> Box<Exchange> {
        let budget = Arc::new(Budget::default());
        budget.allow(budget_bytes);
        Exchange::begin(None, Arc::new(policy), Identifiers::seeded().next(), &budget, 1)
    }

    /// Returns the record of a POST request.
    pub(crate) fn exchange(policy: Policy) -> Box<Exchange> {
        let mut exchange = begin(policy, 1 << 20);
        exchange.set_verb("POST");
        exchange.set_uri("http://h/p?secret=1");
        exchange
    }
}
