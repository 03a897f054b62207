//! The threads that make API requests: a few for the whole process. They start when they are needed and end when they
//! have been idle for a while. A request that waits for its next attempt is in the schedule and blocks no thread.

use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use super::job::Job;
use super::resolvers::PeerResolvers;
use super::schedule::{Next, Schedule};
use crate::delivery::Delivery;
use crate::http::{Backoff, HttpTransport, TransportError};
use crate::process::Random;

/// Most requests under way at the same time. Others wait for their turn.
pub(super) const MOST_UNDER_WAY: usize = 8;
/// One thread more than requests under way. It ends requests whose deadline passes while they wait for their turn.
const MOST_THREADS: usize = MOST_UNDER_WAY + 1;
/// How long a thread waits for a request before it ends.
const IDLE: Duration = Duration::from_secs(10);

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
    /// Returns the pauses of one request, with a jitter of its own.
    pub(super) fn backoff(&self) -> Backoff {
        Backoff::new(self.random.next())
    }

    /// Adds a request, and starts a thread if none is idle. If there are no threads and none can be started, all
    /// requests fail at once.
    pub(super) fn add(self: &Arc<Self>, job: Job) {
        let mut schedule = self.lock();
        schedule.push(job);
        if schedule.idle >= schedule.jobs.len() || schedule.threads >= MOST_THREADS {
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
        thread::Builder::new().name("moesif-api".to_owned()).spawn(move || pool.run()).map(drop)
    }

    fn run(self: &Arc<Self>) {
        let mut kept: Option<Connected> = None;
        while let Some(job) = self.next() {
            let transport = match kept.take() {
                Some(kept) if kept.delivery.endpoint == job.delivery.endpoint => kept.transport,
                _ => {
                    let endpoint = &job.delivery.endpoint;
                    HttpTransport::new(endpoint, &self.resolvers.of(&endpoint.peer().unwrap_or_default()))
                }
            };
            let delivery = Arc::clone(&job.delivery);
            let again = job.attempt(&transport);
            let mut schedule = self.lock();
            schedule.leave(delivery.endpoint.base_uri());
            if let Some(job) = again {
                schedule.push(job);
            }
            drop(schedule);
            kept = Some(Connected { delivery, transport });
        }
    }

    /// Waits for the next request and counts it as under way. `None` if there was none for [`IDLE`]: the thread ends.
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
                Next::WaitForJob => IDLE.saturating_sub(now - idle_since),
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

    /// Makes another thread wait for the other requests. This one is about to be busy, and may have been the only one that
    /// waited for them.
    fn hand_over(self: &Arc<Self>, mut schedule: MutexGuard<'_, Schedule>) {
        if schedule.jobs.is_empty() {
            return;
        }
        if schedule.idle > 0 {
            self.changed.notify_one();
        } else if schedule.threads < MOST_THREADS {
            schedule.threads += 1;
            drop(schedule);
            if self.spawn().is_err() {
                // The requests wait for the threads that exist.
                self.lock().threads -= 1;
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Schedule> {
        self.schedule.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
