//! The threads that make API requests: a few for the whole process. They start on demand and end after 10
//! idle seconds. A request that waits for its next attempt is in the schedule and blocks no thread.

use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::job::Job;
use super::resolvers::PeerResolvers;
use super::schedule::{Next, Schedule};
use crate::delivery::Delivery;
use crate::http::{Backoff, HttpTransport, TransportError};
use crate::process::{self, Random};

/// Maximum number of requests under way at the same time. Further requests wait.
pub(super) const MAX_UNDER_WAY: usize = 8;
/// Maximum number of threads. The additional thread ends requests that reach their deadline while they wait.
const MAX_THREADS: usize = MAX_UNDER_WAY + 1;
/// How long an idle thread waits for a request before it ends.
const IDLE_TIMEOUT: Duration = Duration::from_secs(10);

/// Requests that wait, and the threads that make them.
pub(super) struct RequestPool {
    schedule: Mutex<Schedule>,
    changed: Condvar,
    resolvers: PeerResolvers,
    random: Random,
}

impl Default for RequestPool {
    fn default() -> Self {
        Self {
            schedule: Mutex::default(),
            changed: Condvar::new(),
            resolvers: PeerResolvers::default(),
            random: Random::seeded(),
        }
    }
}

/// An open connection, kept for the next request to the same collector.
struct Connected {
    delivery: Arc<Delivery>,
    transport: HttpTransport,
}

impl RequestPool {
    /// Returns the backoff for one request, with its own jitter.
    pub(super) fn backoff(&self) -> Backoff {
        Backoff::new(self.random.next())
    }

    /// Adds a request, and starts a thread if none is idle. If there are no threads and none can be started,
    /// all requests fail at once.
    pub(super) fn add(self: &Arc<Self>, job: Job) {
        let mut schedule = self.lock();
        schedule.push(job);
        if schedule.idle >= schedule.jobs.len() || schedule.threads >= MAX_THREADS {
            self.changed.notify_one();
            return;
        }
        schedule.threads += 1;
        drop(schedule);
        if let Err(error) = self.spawn() {
            let mut schedule = self.lock();
            schedule.threads -= 1;
            if schedule.threads == 0 {
                let jobs = std::mem::take(&mut schedule.jobs);
                drop(schedule);
                for job in jobs.into_values() {
                    job.fail(TransportError::NoThread(error.to_string()));
                }
            } else {
                self.changed.notify_one();
            }
        }
    }

    fn spawn(self: &Arc<Self>) -> io::Result<()> {
        let pool = Arc::clone(self);
        process::spawn("moesif-api".to_owned(), move || pool.run())
    }

    fn run(self: &Arc<Self>) {
        let mut kept: Option<Connected> = None;
        while let Some(job) = self.next() {
            let transport = match kept.take() {
                Some(kept) if kept.delivery.endpoint == job.delivery.endpoint => kept.transport,
                _ => {
                    let endpoint = &job.delivery.endpoint;
                    HttpTransport::new(
                        endpoint,
                        &self.resolvers.for_peer(&endpoint.peer().unwrap_or_default()),
                    )
                }
            };
            let delivery = Arc::clone(&job.delivery);
            let unfinished = job.attempt(&transport);
            let mut schedule = self.lock();
            schedule.leave(delivery.endpoint.base_uri());
            if let Some(job) = unfinished {
                schedule.push(job);
            }
            drop(schedule);
            kept = Some(Connected { delivery, transport });
        }
    }

    /// Waits for the next request and counts it as under way. Returns `None` if none came within
    /// [`IDLE_TIMEOUT`]; the thread then ends.
    fn next(self: &Arc<Self>) -> Option<Job> {
        let mut schedule = self.lock();
        let idle_since = Instant::now();
        loop {
            let now = Instant::now();
            let pause = match schedule.next(now) {
                Next::Run(key) => {
                    let job = schedule.jobs.remove(&key);
                    if let Some(job) = &job {
                        schedule.enter(job.delivery.endpoint.base_uri());
                    }
                    self.hand_over(schedule);
                    return job;
                }
                Next::WaitUntil(instant) => instant.saturating_duration_since(now),
                Next::WaitForJob => IDLE_TIMEOUT.saturating_sub(now - idle_since),
            };
            if pause.is_zero() {
                schedule.threads -= 1;
                return None;
            }
            schedule.idle += 1;
            let waited = self.changed.wait_timeout(schedule, pause);
            schedule = waited.unwrap_or_else(PoisonError::into_inner).0;
            schedule.idle -= 1;
        }
    }

    /// Makes sure that another thread waits for the remaining requests. This thread is about to run one, and
    /// may be the only thread that waited.
    fn hand_over(self: &Arc<Self>, mut schedule: MutexGuard<'_, Schedule>) {
        if schedule.jobs.is_empty() {
            return;
        }
        if schedule.idle > 0 {
            self.changed.notify_one();
        } else if schedule.threads < MAX_THREADS {
            schedule.threads += 1;
            drop(schedule);
            if self.spawn().is_err() {
                // The remaining requests wait until a running thread is free.
                self.lock().threads -= 1;
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Schedule> {
        self.schedule.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
