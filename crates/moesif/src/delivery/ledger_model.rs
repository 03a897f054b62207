//! A model test: runs the ledger over virtual time against a collector that does anything. Every event is always in
//! exactly one place, and every event that can be delivered is delivered.

use std::collections::{BTreeMap, BTreeSet};
use std::io;

use super::*;
use crate::http::{Reply, TransportError, Verdict, verdict};

#[derive(Clone, Copy, Debug)]
struct FakeEvent {
    number: u32,
    size: usize,
    at: Instant,
}

impl Event for FakeEvent {
    fn finished_at(&self) -> Instant {
        self.at
    }
}

/// Pseudo-random numbers that are the same in every run.
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

/// A collector that works or fails, according to its mood.
struct Collector {
    /// How often each event was stored.
    stored: BTreeMap<u32, u32>,
    /// Events that it never accepts.
    poison: BTreeSet<u32>,
    /// Whether it names the events that it does not accept.
    names: bool,
    /// Most bytes that it accepts at once.
    largest: usize,
    /// How it answers: 0 works, 1 to 8 fail in different ways.
    mood: u64,
}

impl Collector {
    fn answer(&mut self, events: &[FakeEvent], source: &mut Source) -> Result<Reply, TransportError> {
        let reply = |status, body: String| Reply { status, body: body.into_bytes(), ..Reply::default() };
        match self.mood {
            1 => return Err(TransportError::Connection(io::ErrorKind::ConnectionRefused.into())),
            2 => return Ok(reply(503, String::new())),
            3 => {
                let retry_after = Some(source.millis(20_000));
                return Ok(Reply { retry_after, ..reply(429, String::new()) });
            }
            4 => return Ok(reply(401, String::new())),
            5 => return Ok(reply(302, String::new())),
            // It stores the events but the answer is lost, so they are sent again. (A real one recognises their ids.)
            6 => {
                self.store(events);
                return Err(TransportError::Connection(io::ErrorKind::ConnectionReset.into()));
            }
            _ => {}
        }
        if events.iter().map(|event| event.size).sum::<usize>() > self.largest {
            return Ok(reply(413, String::new()));
        }
        let poisoned: Vec<usize> = events
            .iter()
            .enumerate()
            .filter(|(_, event)| self.poison.contains(&event.number))
            .map(|(index, _)| index)
            .collect();
        if poisoned.is_empty() {
            self.store(events);
            return Ok(reply(201, "{}".to_owned()));
        }
        let list =
            poisoned.iter().map(|index| format!(r#"{{"index":{index}}}"#)).collect::<Vec<_>>().join(",");
        let list = format!(r#"{{"rejected":[{list}]}}"#);
        Ok(reply(if self.mood == 7 { 400 } else { 422 }, if self.names { list } else { String::new() }))
    }

    fn store(&mut self, events: &[FakeEvent]) {
        for event in events {
            *self.stored.entry(event.number).or_default() += 1;
        }
    }
}

/// An upload under way.
struct Upload {
    ends: Instant,
    batch: Batch<FakeEvent>,
    attempt: Attempt,
    verdict: Verdict,
}

struct World {
    source: Source,
    now: Instant,
    ledger: Ledger<FakeEvent>,
    collector: Collector,
    uploads: Vec<Upload>,
    workers: usize,
    pushed: u32,
    full: BTreeSet<u32>,
    probes_in_a_row: Vec<Instant>,
    /// Earliest moment that `Retry-After` allows.
    retry_after: Instant,
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
            retry_after: now,
            source,
        }
    }

    fn push(&mut self) {
        let size = usize::try_from(20 + self.source.below(260)).unwrap();
        let event = FakeEvent { number: self.pushed, size, at: self.now };
        if self.source.below(60) == 0 {
            self.collector.poison.insert(event.number);
        }
        if let Err(overflow) = self.ledger.push(event) {
            self.full.insert(overflow.event.number);
        }
        self.pushed += 1;
    }

    /// Gives every idle worker a batch. Returns the next moment at which something can happen by itself.
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

    fn send(&mut self, batch: &mut Batch<FakeEvent>) {
        assert!(self.now >= self.retry_after, "nothing is sent before Retry-After is over");
        if batch.is_probe {
            assert!(self.uploads.iter().all(|upload| !upload.batch.is_probe), "one probe at a time");
            self.probes_in_a_row.push(self.now);
        } else {
            assert_eq!(
                self.ledger.breaker(),
                BreakerState::Closed,
                "only a probe is sent while the breaker is open"
            );
        }
        let mut attempt = Attempt::default();
        for event in batch.events.iter().take(batch.max_events) {
            if attempt.written > 0 && attempt.bytes + event.size >= batch.max_bytes {
                break;
            }
            attempt.written += 1;
            attempt.bytes += event.size;
        }
        let events: Vec<FakeEvent> = batch.events.iter().take(attempt.written).copied().collect();
        let verdict = verdict(&self.collector.answer(&events, &mut self.source));
        let batch = std::mem::replace(batch, Batch::new(VecDeque::new(), 0));
        let ends = self.now + self.source.millis(300);
        self.uploads.push(Upload { ends, batch, attempt, verdict });
    }

    fn finish_uploads(&mut self) {
        while let Some(index) = self.uploads.iter().position(|upload| upload.ends <= self.now) {
            let mut upload = self.uploads.swap_remove(index);
            let decides = upload.batch.is_probe || self.ledger.breaker() != BreakerState::HalfOpen;
            if let (true, Verdict::Retry { after: Some(after), .. }) = (decides, &upload.verdict) {
                self.retry_after = self.retry_after.max(self.now + *after);
            }
            let conclusion = upload.batch.conclude(&upload.attempt, &upload.verdict, &mut Vec::new());
            self.ledger.settle(upload.batch, &upload.attempt, conclusion, self.now);
            self.check_counts();
        }
    }

    fn check_counts(&self) -> Stats {
        let stats = self.ledger.stats();
        let dropped: u64 = stats.dropped.values().sum();
        assert_eq!(stats.captured, u64::from(self.pushed));
        assert_eq!(stats.captured, stats.sent + dropped + stats.queued + stats.in_flight, "{stats:?}");
        stats
    }

    /// Lets time pass until `end`.
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
fn whatever_the_collector_does_every_event_is_in_one_place_and_delivered_if_possible() {
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
            world.check_counts();
        }
        // In the end the collector works, and everything in memory arrives.
        world.collector.mood = 0;
        let target = world.ledger.request_flush(world.now);
        world.run_until(world.now + Duration::from_secs(3 * 3600));
        assert!(world.ledger.is_settled(target), "seed {seed}: {:?}", world.ledger);
        let stats = world.check_counts();
        assert_eq!((stats.queued, stats.in_flight), (0, 0), "seed {seed}");
        assert_eq!(stats.breaker, BreakerState::Closed, "seed {seed}");
        // Sent events are stored. Lost events are counted, and only those are lost that could not be sent.
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
fn a_dead_collector_gets_one_probe_per_pause_from_all_workers() {
    for seed in 0..20 {
        let mut world = World::new(seed);
        world.workers = 8;
        world.collector.mood = 1;
        (0..200).for_each(|_| world.push());
        world.run_until(world.now + Duration::from_secs(600));
        let probes = world.probes_in_a_row.len();
        // Fully grown pauses last half a minute on average.
        assert!((8..=60).contains(&probes), "{probes} probes in ten minutes");
        assert!(world.check_counts().sent == 0);
    }
}

#[test]
fn an_event_that_always_fails_does_not_block_others() {
    let limits = Limits { capacity: 1000, batch_size: 1, batch_bytes: 1000, batch_timeout: Duration::ZERO };
    let mut ledger = Ledger::new(limits, 7);
    let mut now = Instant::now();
    let attempt = Attempt { written: 1, bytes: 10, ..Attempt::default() };
    let started = now;
    let event = |number| FakeEvent { number, size: 10, at: started };
    assert!(ledger.push(event(0)).is_ok());
    let mut sent = 0;
    for number in 1..=100 {
        assert!(ledger.push(event(number)).is_ok());
        for _ in 0..2 {
            let mut batch = match ledger.next(now) {
                Next::Upload(batch) => batch,
                Next::Wait { until: Some(until), .. } => {
                    now = until;
                    continue;
                }
                Next::Wait { .. } => break,
            };
            let fails = batch.events.iter().any(|event| event.number == 0);
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
fn retry_after_is_capped_at_ten_minutes() {
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
