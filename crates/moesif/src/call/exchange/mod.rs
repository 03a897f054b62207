//! Record of one API call.
//!
//! [`Exchange`] consists of named parts, each in a file of its own with the methods that fill and read it: `request`,
//! `response` and `caller`. `event` turns the record into the event that is sent. `memory` begins a record and recycles
//! its memory.

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
/// An adapter fills it on the application's thread. Text and bodies are copied into memory that the record owns.
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

/// What rules, sampling and the application's functions decide about the event.
struct Outcome {
    /// Id of the governance rule that answered.
    blocked_by: Option<String>,
    /// Number of calls this one stands for.
    weight: u64,
    /// JSON object that the application adds.
    metadata: Option<Box<RawValue>>,
    /// The event leaves without its content.
    is_stripped: bool,
    /// Event that the application has made in place of the recorded one.
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

    /// Returns when the response ended. Counted by the monotonic clock from the arrival.
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

    /// Adds a text to the metadata, unless the application has set a member of that name.
    pub fn add_metadata(&mut self, name: &str, text: &str) {
        if let Some(metadata) = with_member(self.outcome.metadata.as_deref(), name, text) {
            self.outcome.metadata = Some(metadata);
        }
    }

    /// Sets the number of calls this one stands for, itself included.
    pub(crate) fn set_weight(&mut self, weight: u64) {
        self.outcome.weight = weight;
    }

    /// Returns the number of calls this one stands for, itself included.
    #[must_use]
    pub fn weight(&self) -> u64 {
        self.outcome.weight
    }

    /// Lets the event leave without headers, bodies, query, session token and metadata. [`Exchange::set_document`] has
    /// precedence.
    pub fn strip_content(&mut self) {
        self.outcome.is_stripped = true;
    }

    /// Replaces the event by one that the application has made. Recorded bodies and metadata are freed.
    pub fn set_document(&mut self, document: Box<RawValue>) {
        self.discard_bodies();
        self.outcome.metadata = None;
        self.outcome.replacement = Some(document);
    }

    /// Returns the id of the process the call arrived in.
    pub(crate) fn pid(&self) -> u32 {
        self.pid
    }

    /// Returns when the response ended.
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

    /// Returns an empty record under a budget of its own.
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
