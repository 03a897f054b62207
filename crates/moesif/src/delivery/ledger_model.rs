//! Model test: runs the ledger over virtual time against a collector that fails in random ways. Checks that
//! every event is always in exactly one place, and that every event that can be delivered is delivered.

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

/// How the collector answers.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Behaviour {
    Works,
    RefusesConnections,
    /// 503.
    Unavailable,
    /// 429 with `Retry-After`.
    Busy,
    /// 401.
    Unauthorized,
    /// 302.
    Redirects,
    /// Stores the events, but the answer is lost. So they are sent again. (A real collector recognises their
    /// ids.)
    LosesAnswers,
    /// Like `Works`, but answers 400 instead of 422 to events that it does not accept.
    AnswersBadRequest,
}

impl Behaviour {
    fn random(source: &mut Source) -> Self {
        match source.below(9) {
            1 => Self::RefusesConnections,
            2 => Self::Unavailable,
            3 => Self::Busy,
            4 => Self::Unauthorized,
            5 => Self::Redirects,
            6 => Self::LosesAnswers,
            7 => Self::AnswersBadRequest,
            _ => Self::Works,
        }
    }
}

struct Collector {
    /// Number of times that each event was stored.
    stored: BTreeMap<u32, u32>,
    /// Events that it never accepts.
    unacceptable: BTreeSet<u32>,
    /// Whether its answers list the events that it does not accept.
    lists_rejected: bool,
    /// Maximum number of bytes that it accepts at once.
    max_bytes: usize,
    behaviour: Behaviour,
}

impl Collector {
    fn answer(&mut self, events: &[FakeEvent], source: &mut Source) -> Result<Reply, TransportError> {
        let reply = |status, body: String| Reply { status, body: body.into_bytes(), ..Reply::default() };
        match self.behaviour {
            Behaviour::RefusesConnections => {
                return Err(TransportError::Connection(io::ErrorKind::ConnectionRefused.into()));
            }
            Behaviour::Unavailable => return Ok(reply(503, String::new())),
            Behaviour::Busy => {
                let retry_after = Some(source.millis(20_000));
                return Ok(Reply { retry_after, ..reply(429, String::new()) });
            }
            Behaviour::Unauthorized => return Ok(reply(401, String::new())),
            Behaviour::Redirects => return Ok(reply(302, String::new())),
            Behaviour::LosesAnswers => {
                self.store(events);
                return Err(TransportError::Connection(io::ErrorKind::ConnectionReset.into()));
            }
            Behaviour::Works | Behaviour::AnswersBadRequest => {}
        }
        if events.iter().map(|event| event.size).sum::<usize>() > self.max_bytes {
            return Ok(reply(413, String::new()));
        }
        let rejected: Vec<usize> = events
            .iter()
            .enumerate()
            .filter(|(_, event)| self.unacceptable.contains(&event.number))
            .map(|(index, _)| index)
            .collect();
        if rejected.is_empty() {
            self.store(events);
            return Ok(reply(201, "{}".to_owned()));
        }
        let list =
            rejected.iter().map(|index| format!(r#"{{"index":{index}}}"#)).collect::<Vec<_>>().join(",");
        let list = format!(r#"{{"rejected":[{list}]}}"#);
        let status = if self.behaviour == Behaviour::AnswersBadRequest { 400 } else { 422 };
        Ok(reply(status, if self.lists_rejected { list } else { String::new() }))
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
    /// Events that were dropped because the queue was full.
    overflowed: BTreeSet<u32>,
    /// Times at which a probe was sent.
    probes: Vec<Instant>,
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
                unacceptable: BTreeSet::new(),
                lists_rejected: source.below(2) == 0,
                max_bytes: usize::try_from(300 + source.below(5000)).unwrap(),
                behaviour: Behaviour::Works,
            },
            uploads: Vec::new(),
            workers: usize::try_from(1 + source.below(4)).unwrap(),
            pushed: 0,
            overflowed: BTreeSet::new(),
            probes: Vec::new(),
            retry_after: now,
            source,
        }
    }

    fn push(&mut self) {
        let size = usize::try_from(20 + self.source.below(260)).unwrap();
        let event = FakeEvent { number: self.pushed, size, at: self.now };
        if self.source.below(60) == 0 {
            self.collector.unacceptable.insert(event.number);
        }
        if let Err(overflow) = self.ledger.push(event) {
            self.overflowed.insert(overflow.event.number);
        }
        self.pushed += 1;
    }

    /// Gives each idle worker a batch. Returns the time of the next change: the end of a pause or of an
    /// upload.
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
            self.probes.push(self.now);
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

    /// Advances the time to `end`.
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
fn every_event_is_in_one_place_and_is_delivered_if_possible() {
    for seed in 0..400 {
        let mut world = World::new(seed);
        for _ in 0..60 {
            match world.source.below(10) {
                0..=5 => (0..world.source.below(40)).for_each(|_| world.push()),
                6 => drop(world.ledger.request_flush(world.now)),
                _ => world.collector.behaviour = Behaviour::random(&mut world.source),
            }
            let pause = world.source.millis(5000);
            world.run_until(world.now + pause);
            world.check_counts();
        }
        // At the end the collector works, and every event in memory is delivered.
        world.collector.behaviour = Behaviour::Works;
        let target = world.ledger.request_flush(world.now);
        world.run_until(world.now + Duration::from_secs(3 * 3600));
        assert!(world.ledger.is_settled(target), "seed {seed}: {:?}", world.ledger);
        let stats = world.check_counts();
        assert_eq!((stats.queued, stats.in_flight), (0, 0), "seed {seed}");
        assert_eq!(stats.breaker, BreakerState::Closed, "seed {seed}");
        // Sent events are stored. Lost events are counted. No other event is lost.
        let stored = u64::try_from(world.collector.stored.len()).unwrap();
        assert!(stats.sent <= stored, "seed {seed}");
        let count = |reason| stats.dropped.get(&reason).copied().unwrap_or_default();
        assert_eq!(
            count(DropReason::QueueFull),
            u64::try_from(world.overflowed.len()).unwrap(),
            "seed {seed}"
        );
        for number in 0..world.pushed {
            let is_lost = !world.collector.stored.contains_key(&number);
            let may_be_lost =
                world.overflowed.contains(&number) || world.collector.unacceptable.contains(&number);
            assert!(!is_lost || may_be_lost, "seed {seed}: event {number} is lost");
        }
    }
}

#[test]
fn a_collector_that_is_down_gets_one_probe_per_pause_from_all_workers() {
    for seed in 0..20 {
        let mut world = World::new(seed);
        world.workers = 8;
        world.collector.behaviour = Behaviour::RefusesConnections;
        (0..200).for_each(|_| world.push());
        world.run_until(world.now + Duration::from_secs(600));
        let probes = world.probes.len();
        // The longest pauses take 30 seconds on average.
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
    assert!(sent >= 80, "only {sent} of the 100 other events were sent");
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
