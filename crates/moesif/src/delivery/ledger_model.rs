//! The ledger over virtual time, against a collector that does anything: whatever happens, every event is in exactly one
//! place, and what can be delivered is, once.

use std::collections::{BTreeMap, BTreeSet};

use super::*;
use crate::http::{Reply, TransportError, Verdict, verdict};

#[derive(Clone, Copy, Debug)]
struct Call {
    number: u32,
    size: usize,
    at: Instant,
}

impl Event for Call {
    fn finished_at(&self) -> Instant {
        self.at
    }
}

/// Numbers that look random and are the same in every run.
struct Source(u64);

impl Source {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % end
    }

    fn millis(&mut self, end: u64) -> Duration {
        Duration::from_millis(self.below(end))
    }
}

/// A collector that works, or goes through moods.
struct Collector {
    stored: BTreeMap<u32, u32>,
    /// Events it never takes.
    poison: BTreeSet<u32>,
    /// Whether it names what it does not take.
    names: bool,
    largest: usize,
    mood: u64,
}

impl Collector {
    fn answer(&mut self, calls: &[Call], source: &mut Source) -> Result<Reply, TransportError> {
        let reply = |status, body: String| Reply { status, body: body.into_bytes(), ..Reply::default() };
        match self.mood {
            1 => return Err(TransportError::new("connection refused")),
            2 => return Ok(reply(503, String::new())),
            3 => {
                let retry_after = Some(source.millis(20_000));
                return Ok(Reply { retry_after, ..reply(429, String::new()) });
            }
            4 => return Ok(reply(401, String::new())),
            5 => return Ok(reply(302, String::new())),
            // It keeps the events and the answer is lost: they come again, and it knows them by their ids.
            6 => {
                self.store(calls);
                return Err(TransportError::new("connection reset"));
            }
            _ => {}
        }
        if calls.iter().map(|call| call.size).sum::<usize>() > self.largest {
            return Ok(reply(413, String::new()));
        }
        let poisoned: Vec<usize> = calls
            .iter()
            .enumerate()
            .filter(|(_, call)| self.poison.contains(&call.number))
            .map(|(index, _)| index)
            .collect();
        if poisoned.is_empty() {
            self.store(calls);
            return Ok(reply(201, "{}".to_owned()));
        }
        let list =
            poisoned.iter().map(|index| format!(r#"{{"index":{index}}}"#)).collect::<Vec<_>>().join(",");
        let list = format!(r#"{{"rejected":[{list}]}}"#);
        Ok(reply(if self.mood == 7 { 400 } else { 422 }, if self.names { list } else { String::new() }))
    }

    fn store(&mut self, calls: &[Call]) {
        for call in calls {
            *self.stored.entry(call.number).or_default() += 1;
        }
    }
}

/// An upload under way: when it ends, and what it was.
struct Upload {
    ends: Instant,
    batch: Batch<Call>,
    attempt: Attempt,
    verdict: Verdict,
}

struct World {
    source: Source,
    now: Instant,
    ledger: Ledger<Call>,
    collector: Collector,
    uploads: Vec<Upload>,
    workers: usize,
    pushed: u32,
    full: BTreeSet<u32>,
    probes_in_a_row: Vec<Instant>,
    /// Until when the collector wants to be left alone.
    asked_until: Instant,
}

impl World {
    fn new(seed: u64) -> Self {
        let mut source = Source(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(1));
        let limits = Limits {
            capacity: usize::try_from(10 + source.below(400)).unwrap(),
            batch_size: usize::try_from(1 + source.below(60)).unwrap(),
            batch_bytes: usize::try_from(500 + source.below(5000)).unwrap(),
            batch_timeout: source.millis(2000),
        };
        let now = Instant::now();
        Self {
            now,
            ledger: Ledger::new(limits, seed),
            collector: Collector {
                stored: BTreeMap::new(),
                poison: BTreeSet::new(),
                names: source.below(2) == 0,
                largest: usize::try_from(300 + source.below(5000)).unwrap(),
                mood: 0,
            },
            uploads: Vec::new(),
            workers: usize::try_from(1 + source.below(4)).unwrap(),
            pushed: 0,
            full: BTreeSet::new(),
            probes_in_a_row: Vec::new(),
            asked_until: now,
            source,
        }
    }

    fn push(&mut self) {
        let size = usize::try_from(20 + self.source.below(260)).unwrap();
        let call = Call { number: self.pushed, size, at: self.now };
        if self.source.below(60) == 0 {
            self.collector.poison.insert(call.number);
        }
        if let Err((refused, _)) = self.ledger.push(call) {
            self.full.insert(refused.number);
        }
        self.pushed += 1;
    }

    /// Gives every idle worker what there is to do. Returns the next moment something can happen by itself.
    fn work(&mut self) -> Option<Instant> {
        while self.uploads.len() < self.workers {
            match self.ledger.next(self.now) {
                Next::Upload(mut batch) => self.send(&mut batch),
                Next::Wait { until, .. } => {
                    return until.into_iter().chain(self.uploads.iter().map(|upload| upload.ends)).min();
                }
            }
        }
        self.uploads.iter().map(|upload| upload.ends).min()
    }

    fn send(&mut self, batch: &mut Batch<Call>) {
        assert!(self.now >= self.asked_until, "the collector is left alone while it asks for it");
        if batch.is_probe {
            assert!(self.uploads.iter().all(|upload| !upload.batch.is_probe), "one probe at a time");
            self.probes_in_a_row.push(self.now);
        } else {
            assert_eq!(self.ledger.breaker(), BreakerState::Closed, "nothing but a probe while it is open");
        }
        let mut attempt = Attempt::default();
        for call in batch.events.iter().take(batch.max_events) {
            if attempt.written > 0 && attempt.bytes + call.size >= batch.max_bytes {
                break;
            }
            attempt.written += 1;
            attempt.bytes += call.size;
        }
        let calls: Vec<Call> = batch.events.iter().take(attempt.written).copied().collect();
        let verdict = verdict(&self.collector.answer(&calls, &mut self.source));
        let batch = std::mem::replace(batch, Batch::new(VecDeque::new(), 0));
        let ends = self.now + self.source.millis(300);
        self.uploads.push(Upload { ends, batch, attempt, verdict });
    }

    fn finish_uploads(&mut self) {
        while let Some(index) = self.uploads.iter().position(|upload| upload.ends <= self.now) {
            let mut upload = self.uploads.swap_remove(index);
            let decides = upload.batch.is_probe || self.ledger.breaker() != BreakerState::HalfOpen;
            if let (true, Verdict::Retry { after: Some(after), .. }) = (decides, &upload.verdict) {
                self.asked_until = self.asked_until.max(self.now + *after);
            }
            let conclusion = upload.batch.conclude(&upload.attempt, &upload.verdict, &mut Vec::new());
            self.ledger.settle(upload.batch, &upload.attempt, conclusion, self.now);
            self.reconciled();
        }
    }

    fn reconciled(&self) -> Stats {
        let stats = self.ledger.stats();
        let dropped: u64 = stats.dropped.values().sum();
        assert_eq!(stats.captured, u64::from(self.pushed));
        assert_eq!(stats.captured, stats.sent + dropped + stats.queued + stats.in_flight, "{stats:?}");
        stats
    }

    /// Lets time pass until `end`, or until nothing can happen any more.
    fn run_until(&mut self, end: Instant) {
        loop {
            let next = self.work();
            match next {
                Some(next) if next <= end => self.now = next.max(self.now + Duration::from_micros(1)),
                _ => break,
            }
            self.finish_uploads();
        }
        self.now = self.now.max(end);
        self.finish_uploads();
    }
}

#[test]
fn whatever_a_collector_does_every_event_is_in_one_place_and_delivered_if_it_can_be() {
    for seed in 0..400 {
        let mut world = World::new(seed);
        for _ in 0..60 {
            match world.source.below(10) {
                0..=5 => (0..world.source.below(40)).for_each(|_| world.push()),
                6 => drop(world.ledger.request_flush(world.now)),
                _ => world.collector.mood = world.source.below(9),
            }
            let pause = world.source.millis(5000);
            world.run_until(world.now + pause);
            world.reconciled();
        }
        // In the end it works: everything in memory arrives, whatever happened before.
        world.collector.mood = 0;
        let target = world.ledger.request_flush(world.now);
        let patience = Duration::from_secs(3 * 3600);
        world.run_until(world.now + patience);
        assert!(world.ledger.is_settled(target), "seed {seed}: {:?}", world.ledger);
        let stats = world.reconciled();
        assert_eq!((stats.queued, stats.in_flight), (0, 0), "seed {seed}");
        assert_eq!(stats.breaker, BreakerState::Closed, "seed {seed}");
        // What is counted as sent is stored; what is not stored is counted, and nothing was lost that could be sent.
        let stored = u64::try_from(world.collector.stored.len()).unwrap();
        assert!(stats.sent <= stored, "seed {seed}");
        let count = |reason| stats.dropped.get(&reason).copied().unwrap_or_default();
        assert_eq!(count(DropReason::QueueFull), u64::try_from(world.full.len()).unwrap(), "seed {seed}");
        for number in 0..world.pushed {
            let is_lost = !world.collector.stored.contains_key(&number);
            let may_be_lost = world.full.contains(&number) || world.collector.poison.contains(&number);
            assert!(!is_lost || may_be_lost, "seed {seed}: event {number} is lost");
        }
    }
}

#[test]
fn a_dead_collector_costs_one_probe_a_pause_however_many_workers_there_are() {
    for seed in 0..20 {
        let mut world = World::new(seed);
        world.workers = 8;
        world.collector.mood = 1;
        (0..200).for_each(|_| world.push());
        world.run_until(world.now + Duration::from_secs(600));
        let probes = world.probes_in_a_row.len();
        // Pauses of half a minute on average, once they have grown.
        assert!((8..=60).contains(&probes), "{probes} probes in ten minutes");
        assert!(world.reconciled().sent == 0);
    }
}

#[test]
fn an_event_that_always_fails_does_not_keep_others_from_being_sent() {
    let limits = Limits { capacity: 1000, batch_size: 1, batch_bytes: 1000, batch_timeout: Duration::ZERO };
    let mut ledger = Ledger::new(limits, 7);
    let mut now = Instant::now();
    let attempt = Attempt { written: 1, bytes: 10, ..Attempt::default() };
    let started = now;
    let call = |number| Call { number, size: 10, at: started };
    assert!(ledger.push(call(0)).is_ok());
    let mut sent = 0;
    for number in 1..=100 {
        assert!(ledger.push(call(number)).is_ok());
        for _ in 0..2 {
            let mut batch = match ledger.next(now) {
                Next::Upload(batch) => batch,
                Next::Wait { until: Some(until), .. } => {
                    now = until;
                    continue;
                }
                Next::Wait { .. } => break,
            };
            let fails = batch.events.iter().any(|call| call.number == 0);
            let failing = Verdict::Retry { after: None, may_be_batch: true };
            let verdict = if fails { failing } else { Verdict::Delivered { rejected: 0 } };
            let conclusion = batch.conclude(&attempt, &verdict, &mut Vec::new());
            ledger.settle(batch, &attempt, conclusion, now);
            sent += u32::from(!fails);
        }
    }
    assert!(sent >= 80, "{sent} of 100 others were sent");
}

#[test]
fn no_collector_parks_events_for_longer_than_ten_minutes() {
    let mut world = World::new(3);
    world.push();
    world.ledger.request_flush(world.now);
    let Next::Upload(mut batch) = world.ledger.next(world.now) else { panic!("{:?}", world.ledger) };
    let attempt = Attempt { written: 1, bytes: 10, ..Attempt::default() };
    let verdict = Verdict::Retry { after: Some(Duration::from_secs(86_400)), may_be_batch: false };
    let conclusion = batch.conclude(&attempt, &verdict, &mut Vec::new());
    world.ledger.settle(batch, &attempt, conclusion, world.now);
    let Next::Wait { until: Some(until), .. } = world.ledger.next(world.now) else {
        panic!("{:?}", world.ledger)
    };
    assert_eq!(until - world.now, Duration::from_secs(600));
    assert!(matches!(world.ledger.next(until), Next::Upload(_)), "{:?}", world.ledger);
}
