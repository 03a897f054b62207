//! The threads that make requests somebody waits for: a few for the whole process, started when they are needed, ended when they
//! have had nothing to do for a while. A request that is to be tried again waits in a list, not on a thread.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use super::lookups::Lookups;
use super::{Outcome, Shared};
use crate::delivery::Delivery;
use crate::http::{Backoff, HttpTransport, Reply, TransportError, Verdict, asked, gzip, verdict};
use crate::process::Random;

/// Requests under way at once, at most; more wait for their turn.
const MOST_UNDER_WAY: usize = 8;
/// The same of one collector: where it hangs, the others are still asked.
const MOST_OF_ONE: usize = 6;
/// One thread more than requests under way: it ends those whose time is over before their turn has come.
const MOST_THREADS: usize = MOST_UNDER_WAY + 1;
/// How long a thread waits for something to do.
const IDLE: Duration = Duration::from_secs(10);
/// A document of this many bytes is compressed.
const COMPRESSED: usize = 1024;

/// Requests, and the threads that make them.
pub(super) struct Threads {
    shared: Arc<Pool>,
    random: Random,
}

impl Default for Threads {
    fn default() -> Self {
        Self { shared: Arc::default(), random: Random::seeded() }
    }
}

#[derive(Default)]
struct Pool {
    state: Mutex<State>,
    changed: Condvar,
    lookups: Lookups,
}

#[derive(Default)]
struct State {
    /// By when they are due, and of those that are due at once by when they came.
    jobs: BTreeMap<(Instant, u64), Job>,
    came: u64,
    /// Requests under way, by the collector they are made to.
    under_way: HashMap<String, usize>,
    threads: usize,
    /// Threads that wait for something to do.
    idle: usize,
}

/// A request, and how far it has come.
pub(super) struct Job {
    pub(super) delivery: Arc<Delivery>,
    pub(super) path: String,
    pub(super) document: Option<Vec<u8>>,
    pub(super) is_gzipped: bool,
    /// When who waits has waited long enough.
    pub(super) deadline: Instant,
    /// When the next attempt is to be made.
    pub(super) due: Instant,
    /// Attempts that have failed.
    pub(super) failures: u32,
    pub(super) backoff: Backoff,
    /// What came of the last of them.
    pub(super) last: Option<Result<Reply, TransportError>>,
    pub(super) shared: Arc<Shared>,
    pub(super) done: Option<Box<dyn FnOnce() + Send>>,
}

impl Threads {
    /// Returns the pauses of one request, jittered independently of those of others.
    pub(super) fn backoff(&self) -> Backoff {
        Backoff::new(self.random.next())
    }

    /// Sees to it that the request is made, or ends it at once where no thread can be had.
    pub(super) fn take(&self, job: Job) {
        let mut state = self.shared.lock();
        state.push(job);
        if state.idle >= state.jobs.len() || state.threads >= MOST_THREADS {
            self.shared.changed.notify_one();
            return;
        }
        state.threads += 1;
        drop(state);
        if let Err(error) = Pool::spawn(&self.shared) {
            let mut state = self.shared.lock();
            state.threads -= 1;
            if state.threads == 0 {
                let jobs = std::mem::take(&mut state.jobs);
                drop(state);
                for job in jobs.into_values() {
                    job.fail(&format!("no thread could be started: {error}"));
                }
            } else {
                self.shared.changed.notify_one();
            }
        }
    }
}

impl Pool {
    fn spawn(pool: &Arc<Self>) -> io::Result<()> {
        let pool = Arc::clone(pool);
        thread::Builder::new().name("moesif-api".to_owned()).spawn(move || Self::run(&pool)).map(drop)
    }

    fn run(pool: &Arc<Self>) {
        // Its connection is kept for the next request to the same collector.
        let mut kept: Option<(Arc<Delivery>, HttpTransport)> = None;
        while let Some(job) = Self::next(pool) {
            let transport = match kept.take() {
                Some((delivery, transport)) if delivery.endpoint == job.delivery.endpoint => transport,
                _ => {
                    let endpoint = &job.delivery.endpoint;
                    HttpTransport::new(endpoint, &pool.lookups.of(&endpoint.peer().unwrap_or_default()))
                }
            };
            let delivery = Arc::clone(&job.delivery);
            let again = job.attempt(&transport);
            let mut state = pool.lock();
            state.leave(delivery.endpoint.base_uri());
            if let Some(job) = again {
                state.push(job);
            }
            drop(state);
            kept = Some((delivery, transport));
        }
    }

    /// The next request whose turn it is, which counts as under way from now on; `None` after a long time without one.
    fn next(pool: &Arc<Self>) -> Option<Job> {
        let mut state = pool.lock();
        let idle_since = Instant::now();
        loop {
            let now = Instant::now();
            let pause = match state.turn(now) {
                Turn::Of(key) => {
                    let job = state.jobs.remove(&key);
                    if let Some(job) = &job {
                        state.enter(job.delivery.endpoint.base_uri());
                    }
                    Self::relieve(pool, state);
                    return job;
                }
                Turn::At(instant) => instant.saturating_duration_since(now),
                Turn::Never => IDLE.saturating_sub(now - idle_since),
            };
            if pause.is_zero() {
                state.threads -= 1;
                return None;
            }
            state.idle += 1;
            let waited = pool.changed.wait_timeout(state, pause);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
            state.idle -= 1;
        }
    }

    /// This thread is about to be busy, and may have been the one that waited for the other requests: another has to.
    fn relieve(pool: &Arc<Self>, mut state: MutexGuard<'_, State>) {
        if state.jobs.is_empty() {
            return;
        }
        if state.idle > 0 {
            pool.changed.notify_one();
        } else if state.threads < MOST_THREADS {
            state.threads += 1;
            drop(state);
            if Self::spawn(pool).is_err() {
                // They wait for the threads there are.
                pool.lock().threads -= 1;
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a thread without a request does next.
enum Turn {
    /// Take this one.
    Of((Instant, u64)),
    /// Look again then, at the latest.
    At(Instant),
    /// Wait for one to come.
    Never,
}

impl State {
    fn push(&mut self, job: Job) {
        self.came += 1;
        self.jobs.insert((job.due, self.came), job);
    }

    fn turn(&self, now: Instant) -> Turn {
        let is_full = self.under_way.values().sum::<usize>() >= MOST_UNDER_WAY;
        let mut earliest: Option<Instant> = None;
        for (key, job) in &self.jobs {
            let at = if job.due > now {
                job.due
            } else {
                let of_one = self.under_way.get(job.delivery.endpoint.base_uri());
                let has_room = !is_full && of_one.is_none_or(|count| *count < MOST_OF_ONE);
                if has_room || job.is_over(now) {
                    return Turn::Of(*key);
                }
                job.deadline
            };
            earliest = Some(earliest.map_or(at, |earliest| earliest.min(at)));
        }
        earliest.map_or(Turn::Never, Turn::At)
    }

    fn enter(&mut self, base_uri: &str) {
        *self.under_way.entry(base_uri.to_owned()).or_default() += 1;
    }

    fn leave(&mut self, base_uri: &str) {
        if let Some(count) = self.under_way.get_mut(base_uri) {
            *count -= 1;
            if *count == 0 {
                self.under_way.remove(base_uri);
            }
        }
    }
}

impl Job {
    /// Whether nobody waits for it any more: then it is ended, which takes no time.
    fn is_over(&self, now: Instant) -> bool {
        self.deadline <= now || self.shared.is_abandoned.load(Ordering::Relaxed)
    }

    /// Tries once. Returns itself if it is to be tried again.
    fn attempt(mut self, transport: &HttpTransport) -> Option<Self> {
        if self.shared.is_abandoned.load(Ordering::Relaxed) {
            self.fail("it was given up");
            return None;
        }
        let left = self.deadline.saturating_duration_since(Instant::now());
        let timeout = left.min(self.delivery.endpoint.request_timeout());
        if timeout.is_zero() {
            if let Some(last) = self.last.take() {
                self.end(last);
            } else {
                let outcome = Outcome::never_sent(self.delivery.endpoint.base_uri());
                self.settle(outcome);
            }
            return None;
        }
        let Ok(result) = catch_unwind(AssertUnwindSafe(|| self.send(transport, timeout))) else {
            self.fail("a fault in this package: please report it");
            return None;
        };
        if matches!(&result, Err(error) if error.is_about_certificates()) {
            // It would be the same again.
            self.end(result);
            return None;
        }
        let Verdict::Retry { after, .. } = verdict(&result) else {
            self.end(result);
            return None;
        };
        let pause = self.backoff.pause(self.failures).max(asked(after));
        self.failures = self.failures.saturating_add(1);
        match Instant::now().checked_add(pause).filter(|due| *due < self.deadline) {
            // Nobody waits for as long as it would take: they are told at once.
            None => {
                self.end(result);
                None
            }
            Some(due) => {
                (self.due, self.last) = (due, Some(result));
                Some(self)
            }
        }
    }

    fn send(&mut self, transport: &HttpTransport, timeout: Duration) -> Result<Reply, TransportError> {
        let Some(document) = &mut self.document else {
            return transport.get(&self.path, timeout);
        };
        if !self.is_gzipped
            && document.len() >= COMPRESSED
            && let Some(gzipped) = gzip(document)
        {
            (*document, self.is_gzipped) = (gzipped, true);
        }
        transport.post(&self.path, document, self.is_gzipped, timeout)
    }

    fn fail(self, why: &str) {
        self.end(Err(TransportError::new(why)));
    }

    fn end(self, result: Result<Reply, TransportError>) {
        let outcome = Outcome::of(self.delivery.endpoint.base_uri(), result);
        self.settle(outcome);
    }

    fn settle(mut self, outcome: Outcome) {
        self.shared.settle(outcome);
        if let Some(done) = self.done.take() {
            done();
        }
    }
}
