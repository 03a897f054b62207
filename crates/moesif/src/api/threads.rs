//! The threads that make requests somebody waits for: a few for the whole process, started when they are needed, ended when they
//! have had nothing to do for a while. A request that is to be tried again waits in a list, not on a thread.

use std::collections::BTreeMap;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use super::{Outcome, Shared};
use crate::backoff::{Backoff, asked};
use crate::pipeline::{Delivery, Verdict, gzip, verdict};
use crate::transport::{HttpTransport, Names, Reply, TransportError};

/// Requests under way at once, at most; more wait for their turn.
const MOST_THREADS: usize = 8;
/// How long a thread waits for something to do.
const IDLE: Duration = Duration::from_secs(10);
/// A document of this many bytes is compressed.
const COMPRESSED: usize = 1024;

/// Requests, and the threads that make them.
#[derive(Default)]
pub(crate) struct Threads {
    shared: Arc<Pool>,
}

#[derive(Default)]
struct Pool {
    state: Mutex<State>,
    changed: Condvar,
    /// Addresses, looked up by one thread for all of them.
    names: Names,
}

#[derive(Default)]
struct State {
    /// By when they are due, and of those that are due at once by when they came.
    jobs: BTreeMap<(Instant, u64), Job>,
    came: u64,
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
        if let Err(error) = self.spawn() {
            let mut state = self.shared.lock();
            state.threads -= 1;
            if state.threads == 0 {
                let jobs = std::mem::take(&mut state.jobs);
                drop(state);
                for job in jobs.into_values() {
                    job.end(Err(TransportError::new(&format!("no thread could be started: {error}"))));
                }
            } else {
                self.shared.changed.notify_one();
            }
        }
    }

    fn spawn(&self) -> io::Result<()> {
        let pool = Arc::clone(&self.shared);
        thread::Builder::new().name("moesif-api".to_owned()).spawn(move || pool.run()).map(drop)
    }
}

impl Pool {
    fn run(&self) {
        // Its connection is kept for the next request to the same collector.
        let mut kept: Option<(Arc<Delivery>, HttpTransport)> = None;
        while let Some(job) = self.next() {
            let transport = match kept.take() {
                Some((delivery, transport)) if delivery.endpoint == job.delivery.endpoint => transport,
                _ => HttpTransport::new(&job.delivery.endpoint, &self.names),
            };
            let delivery = Arc::clone(&job.delivery);
            if let Some(job) = job.attempt(&transport) {
                self.lock().push(job);
            }
            kept = Some((delivery, transport));
        }
    }

    /// The next request that is due; `None` after a long time without one.
    fn next(&self) -> Option<Job> {
        let mut state = self.lock();
        let idle_since = Instant::now();
        loop {
            let now = Instant::now();
            let pause = match state.jobs.first_entry() {
                Some(job) if job.get().due <= now => {
                    let job = job.remove();
                    if state.idle > 0 && !state.jobs.is_empty() {
                        // This thread may have been the one that waited for the next request to be due.
                        self.changed.notify_one();
                    }
                    return Some(job);
                }
                Some(job) => job.get().due - now,
                None => IDLE.saturating_sub(now - idle_since),
            };
            if pause.is_zero() {
                state.threads -= 1;
                return None;
            }
            state.idle += 1;
            let waited = self.changed.wait_timeout(state, pause);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
            state.idle -= 1;
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn push(&mut self, job: Job) {
        self.came += 1;
        self.jobs.insert((job.due, self.came), job);
    }
}

impl Job {
    /// Tries once. Returns itself if it is to be tried again.
    fn attempt(mut self, transport: &HttpTransport) -> Option<Self> {
        if self.shared.is_abandoned.load(Ordering::Relaxed) {
            self.end(Err(TransportError::new("it was given up")));
            return None;
        }
        let left = self.deadline.saturating_duration_since(Instant::now());
        let timeout = left.min(self.delivery.endpoint.request_timeout());
        if timeout.is_zero() {
            let busy = || Err(TransportError::new("too many other requests are under way"));
            let last = self.last.take().unwrap_or_else(busy);
            self.end(last);
            return None;
        }
        let Ok(result) = catch_unwind(AssertUnwindSafe(|| self.send(transport, timeout))) else {
            self.end(Err(TransportError::new("a fault in this package: please report it")));
            return None;
        };
        let Verdict::Retry { after } = verdict(&result) else {
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

    fn end(mut self, result: Result<Reply, TransportError>) {
        self.shared.settle(Outcome::of(self.delivery.endpoint.base_uri(), result));
        if let Some(done) = self.done.take() {
            done();
        }
    }
}
