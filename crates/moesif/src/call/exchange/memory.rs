//! Memory of a record: starts a record, reserves its size and recycles its allocations.
//!
//! Without recycling, one thread allocates a record and another one frees it. Most allocators keep memory per
//! thread, so both threads then take a lock. In a measurement, one call in ten waited for that lock, and the
//! slowest percent of calls took twice as long. So [`Spares`] keeps the records of settled calls.

use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::value::RawValue;

use super::caller::Caller;
use super::request::RequestRecord;
use super::response::ResponseRecord;
use super::{Exchange, Outcome, Timing};
use crate::call::arena::{Arena, HeaderSpan};
use crate::call::{Budget, CapturedBody, Policy, Reservation, TransactionId};
use crate::memory;

/// Capacity for the headers of an ordinary request or response.
const HEADERS_CAPACITY: usize = 16;
/// A record with a larger arena, in bytes, is freed instead of kept.
const MAX_SPARE_ARENA: usize = 4096;
/// A record with capacity for more headers is freed instead of kept.
const MAX_SPARE_HEADERS: usize = 64;
/// Maximum number of records kept. At their maximum sizes they take 4 MiB.
const MAX_SPARES: usize = 256;

/// Records of settled calls. The next calls use their memory.
#[derive(Default)]
pub(crate) struct Spares {
    exchanges: Mutex<Exchanges>,
}

/// Boxed, so that only pointers move.
type Exchanges = Vec<Box<Exchange>>;

impl Spares {
    pub(crate) fn take(&self) -> Option<Box<Exchange>> {
        self.lock().pop()
    }

    /// Keeps the records that can be used again and frees the others. Returns their reserved bytes to the
    /// budget.
    pub(crate) fn keep(&self, settled: impl Iterator<Item = Box<Exchange>>) {
        let recycled: Exchanges = settled.filter_map(Exchange::recycle).collect();
        let mut exchanges = self.lock();
        let free = MAX_SPARES.saturating_sub(exchanges.len());
        let mut recycled = recycled.into_iter();
        exchanges.extend(recycled.by_ref().take(free));
        // Frees the rest without the lock.
        drop(exchanges);
        drop(recycled);
    }

    fn lock(&self) -> MutexGuard<'_, Exchanges> {
        self.exchanges.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Allocations of a record.
struct Memory {
    text: Arena,
    request_headers: Vec<HeaderSpan>,
    response_headers: Vec<HeaderSpan>,
    request_body: CapturedBody,
    response_body: CapturedBody,
}

impl Memory {
    fn new() -> Self {
        Self {
            text: Arena::new(),
            request_headers: Vec::with_capacity(HEADERS_CAPACITY),
            response_headers: Vec::with_capacity(HEADERS_CAPACITY),
            request_body: CapturedBody::default(),
            response_body: CapturedBody::default(),
        }
    }

    /// Takes the allocations of a recycled record and reserves those of its bodies.
    fn take(spare: &mut Exchange, reservation: &mut Reservation) -> Self {
        Self {
            text: spare.text.take(),
            request_headers: mem::take(&mut spare.request.headers),
            response_headers: mem::take(&mut spare.response.headers),
            request_body: mem::take(&mut spare.request.body).reserved(reservation),
            response_body: mem::take(&mut spare.response.body).reserved(reservation),
        }
    }
}

impl Exchange {
    /// Starts the record of a call that arrives now. Uses the memory of `spare`, a recycled record.
    pub(crate) fn begin(
        mut spare: Option<Box<Self>>,
        policy: Arc<Policy>,
        transaction_id: TransactionId,
        budget: &Arc<Budget>,
        pid: u32,
    ) -> Box<Self> {
        let mut reservation = Reservation::new(budget);
        let memory = match &mut spare {
            Some(spare) => Memory::take(spare, &mut reservation),
            None => Memory::new(),
        };
        let exchange = Self {
            policy,
            transaction_id,
            pid,
            timing: Timing::now(),
            text: memory.text,
            request: RequestRecord::new(memory.request_headers, memory.request_body),
            response: ResponseRecord::new(memory.response_headers, memory.response_body),
            caller: Caller::default(),
            outcome: Outcome::default(),
            reservation,
        };
        match spare {
            Some(mut spare) => {
                *spare = exchange;
                spare
            }
            None => Box::new(exchange),
        }
    }

    /// Removes the content, returns the reserved bytes to the budget and keeps the memory for another call.
    /// `None` if the record is too large to keep.
    fn recycle(mut self: Box<Self>) -> Option<Box<Self>> {
        let headers = self.request.headers.capacity().max(self.response.headers.capacity());
        if self.text.capacity() > MAX_SPARE_ARENA || headers > MAX_SPARE_HEADERS {
            return None;
        }
        self.text.clear();
        self.request.headers.clear();
        self.response.headers.clear();
        self.request.body.clear();
        self.response.body.clear();
        self.reservation.resize(0);
        self.caller = Caller::default();
        self.outcome = Outcome::default();
        Some(self)
    }

    /// Returns the bytes that this record takes from the budget.
    pub(crate) fn size(&self) -> usize {
        let headers = self.request.headers.capacity() + self.response.headers.capacity();
        size_of::<Self>()
            + self.text.capacity()
            + headers * size_of::<HeaderSpan>()
            + self.request.body.allocated()
            + self.response.body.allocated()
            + self.texts().into_iter().flatten().map(String::capacity).sum::<usize>()
            + self.documents().into_iter().flatten().map(|document| document.get().len()).sum::<usize>()
    }

    /// Notes that there is no memory for a part of this record. It is then dropped instead of queued.
    pub fn lack_memory(&mut self) {
        self.text.lack_memory();
    }

    /// Returns whether there was too little memory for this record: a part of its head is missing, or it uses
    /// memory of the process's small reserve. It must be dropped and not queued.
    pub(crate) fn lacks_memory(&self) -> bool {
        self.text.lacks_memory() || (memory::is_reserve_used() && self.uses_reserve())
    }

    #[cold]
    fn uses_reserve(&self) -> bool {
        let (request, response) = (&self.request, &self.response);
        let texts = self.texts().into_iter().flatten().map(|text| text.as_ptr());
        let documents = self.documents().into_iter().flatten().map(|document| document.get().as_ptr());
        let bodies = [request.body.bytes().as_ptr(), response.body.bytes().as_ptr()];
        memory::is_reserve(self)
            || memory::is_reserve(request.headers.as_ptr())
            || memory::is_reserve(response.headers.as_ptr())
            || texts.chain(documents).chain(bodies).any(memory::is_reserve)
    }

    /// Returns the texts that have allocations of their own.
    fn texts(&self) -> [&Option<String>; 4] {
        [&self.caller.user_id, &self.caller.company_id, &self.caller.session_token, &self.outcome.blocked_by]
    }

    fn documents(&self) -> [&Option<Box<RawValue>>; 2] {
        [&self.outcome.metadata, &self.outcome.replacement]
    }

    /// Reserves the size of the record. Discards bodies and metadata if the budget is too small for them.
    /// Returns `false` if it is too small for the rest as well.
    pub(crate) fn reserve(&mut self) -> bool {
        if !self.policy.log_body || self.is_sent_stripped() {
            // Only the application's functions needed the bodies.
            self.discard_bodies();
        }
        if self.reservation.resize(self.size()) {
            return true;
        }
        if self.outcome.replacement.is_none() {
            self.discard_bodies();
            self.outcome.metadata = None;
        }
        self.reservation.resize(self.size())
    }

    /// Frees both bodies. Keeps their sizes.
    pub(super) fn discard_bodies(&mut self) {
        self.request.body.discard(&mut self.reservation);
        self.response.body.discard(&mut self.reservation);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::call::Identifiers;

    fn budget(bytes: u64) -> Arc<Budget> {
        let budget = Arc::new(Budget::default());
        budget.allow(bytes);
        budget
    }

    fn begin(spare: Option<Box<Exchange>>, policy: &Arc<Policy>, budget: &Arc<Budget>) -> Box<Exchange> {
        Exchange::begin(spare, Arc::clone(policy), Identifiers::seeded().next(), budget, 1)
    }

    fn event(exchange: &Exchange) -> serde_json::Value {
        serde_json::to_value(exchange.event().event).unwrap()
    }

    #[test]
    fn recycled_record_contains_nothing_of_the_earlier_call() {
        let (budget, policy) = (budget(1 << 20), Arc::default());
        let mut exchange = begin(None, &policy, &budget);
        exchange.set_verb("secret");
        exchange.set_uri("http://secret/");
        exchange.set_peer_address("192.0.2.1");
        exchange.add_request_header("secret", "secret");
        exchange.set_declared_length(6);
        exchange.record_request_body(0, b"secret");
        exchange.set_status(200);
        exchange.add_response_header("secret", "secret");
        exchange.record_response_body(b"secret");
        exchange.set_user_id("secret".to_owned());
        exchange.set_company_id("secret".to_owned());
        exchange.set_session_token("secret".to_owned());
        exchange.set_blocked_by("secret".to_owned());
        exchange.set_metadata(RawValue::from_string("{\"secret\":1}".to_owned()).unwrap());
        exchange.fail();
        exchange.finish();
        assert!(exchange.reserve());
        exchange.strip_content();

        let again = begin(exchange.recycle(), &policy, &budget);
        assert_eq!(budget.used(), u64::try_from("secret".len() * 2).unwrap(), "memory of bodies");
        let [recycled, fresh] = [&again, &begin(None, &policy, &budget)].map(|exchange| {
            let mut event = event(exchange);
            event["request"]["time"].take();
            event.to_string().replace(exchange.transaction_id(), "")
        });
        assert_eq!(recycled, fresh);
        assert!(again.recycle().is_some());
        assert_eq!(budget.used(), 0);
    }

    #[test]
    fn recycled_record_keeps_its_allocation() {
        let (budget, policy) = (budget(1 << 20), Arc::default());
        let mut exchange = begin(None, &policy, &budget);
        exchange.set_uri("http://h/");
        let address: *const Exchange = &raw const *exchange;
        let text = exchange.uri().as_ptr();
        let mut again = begin(exchange.recycle(), &policy, &budget);
        again.set_uri("http://i/");
        assert!(std::ptr::eq(address, &raw const *again));
        assert_eq!(again.uri().as_ptr(), text);
    }

    #[test]
    fn large_memory_is_not_kept() {
        let budget = budget(1 << 20);
        let policy = Arc::new(Policy { response_max_body_size: 10_000, ..Policy::default() });
        let mut exchange = begin(None, &policy, &budget);
        exchange.record_response_body(&[0; 5000]);
        let mut exchange = begin(exchange.recycle(), &policy, &budget);
        assert_eq!(exchange.response.body.allocated(), 0);
        exchange.set_uri(&"a".repeat(5000));
        assert!(exchange.recycle().is_none());
    }

    #[test]
    fn number_of_kept_records_is_limited() {
        let (budget, policy) = (budget(u64::MAX), Arc::default());
        let spares = Spares::default();
        assert!(spares.take().is_none());
        for _ in 0..3 {
            spares.keep((0..100).map(|_| begin(None, &policy, &budget)));
        }
        assert_eq!(std::iter::from_fn(|| spares.take()).count(), MAX_SPARES);
        assert_eq!(budget.used(), 0);
    }

    #[test]
    fn record_without_bodies_fits_when_the_budget_is_short() {
        let budget = Arc::new(Budget::default());
        let mut exchange = begin(None, &Arc::default(), &budget);
        exchange.set_status(200);
        budget.allow(u64::try_from(1500 + exchange.size() + 600).unwrap());
        let mut others = Reservation::new(&budget);
        assert!(others.grow(1500));
        // The body fits while it is recorded, but not together with the rest of the record.
        exchange.record_response_body(&[0; 900]);
        assert!(exchange.reserve());
        assert_eq!(budget.used(), 1500 + u64::try_from(exchange.size()).unwrap());
        assert!(event(&exchange)["response"].get("body").is_none());
        assert_eq!(exchange.event().bodies_removed, 1);
        drop((exchange, others));
        assert_eq!(budget.used(), 0);
    }
}
