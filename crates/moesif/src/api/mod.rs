//! Requests to a collector's API: somebody asked for them and waits for the answer.
//!
//! In: a path and, for a POST, JSON text; how long the answer may take in all; what to do when it is there. Out: the last
//! answer, and what is wrong with it. They are tried again as batches of events are, within that time, by a few threads that all
//! requests of a process share. Beginning one waits for nothing; who gives one up leaves at most the attempt under way.

mod lookups;
mod problem;
mod threads;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

pub use problem::Problem;

use crate::delivery::Delivery;
use crate::http::{Reply, TransportError};
use crate::process::{ProcessLocal, process_id};
use threads::{Job, Threads};

static THREADS: ProcessLocal<Threads> = ProcessLocal::new();

/// Forgets the threads of the parent process, in the child of a fork.
pub(crate) fn forget_inherited() {
    THREADS.forget_inherited();
}

/// The way to a collector's API.
#[derive(Clone)]
pub struct Api {
    delivery: Arc<Delivery>,
}

/// What is asked of a collector.
#[derive(Clone, Debug)]
pub struct Request {
    path: String,
    json: Option<String>,
}

/// A request that has been begun.
pub struct Call {
    delivery: Arc<Delivery>,
    shared: Arc<Shared>,
    pid: u32,
}

/// What came of a request.
#[derive(Debug)]
pub struct Outcome {
    /// The last answer, if one came.
    pub answer: Option<Reply>,
    /// What is wrong with it, or why there is none.
    pub problem: Option<Problem>,
}

/// What who waits and who makes the request have in common.
#[derive(Default)]
struct Shared {
    outcome: Mutex<Option<Outcome>>,
    done: Condvar,
    is_abandoned: AtomicBool,
}

impl Request {
    /// Asks for a document, such as `/v1/config`.
    #[must_use]
    pub fn get(path: &str) -> Self {
        Self { path: path.to_owned(), json: None }
    }

    /// Sends a document, as JSON text, such as a user to `/v1/users`. Sent more than once it must have the effect of once.
    #[must_use]
    pub fn post(path: &str, json: &str) -> Self {
        Self { path: path.to_owned(), json: Some(json.to_owned()) }
    }
}

impl Api {
    /// The API of the collector events are delivered to. Connects to nothing yet.
    #[must_use]
    pub fn new(delivery: Arc<Delivery>) -> Self {
        Self { delivery }
    }

    /// The same, with requests whose `User-Agent` is this. `None` for what no header can hold.
    #[must_use]
    pub fn with_user_agent(&self, user_agent: &str) -> Option<Self> {
        let endpoint = self.delivery.endpoint.with_user_agent(user_agent)?;
        Some(Self::new(Arc::new(Delivery { endpoint, ..(*self.delivery).clone() })))
    }

    /// The collector.
    #[must_use]
    pub fn base_uri(&self) -> &str {
        self.delivery.endpoint.base_uri()
    }

    /// The `host:port` that connections are opened to: the collector's, or its proxy's.
    #[must_use]
    pub fn peer(&self) -> Option<String> {
        self.delivery.endpoint.peer()
    }

    /// The `host:port` of the proxy on the way, if there is one.
    #[must_use]
    pub fn proxy(&self) -> Option<String> {
        self.delivery.endpoint.proxy()
    }

    /// The application id requests are made under.
    #[must_use]
    pub fn application_id(&self) -> &str {
        self.delivery.endpoint.application_id()
    }

    /// `REQUEST_TIMEOUT`: the longest an attempt takes.
    #[must_use]
    pub fn request_timeout(&self) -> Duration {
        self.delivery.endpoint.request_timeout()
    }

    /// Begins a request, whose last attempt ends before `patience` is over. `done` is called once, on another thread or this
    /// one, when there is an outcome.
    #[must_use]
    pub fn begin(&self, request: Request, patience: Duration, done: impl FnOnce() + Send + 'static) -> Call {
        let threads = THREADS.get_or_make(Arc::default);
        let shared = Arc::new(Shared::default());
        let now = Instant::now();
        threads.take(Job {
            delivery: Arc::clone(&self.delivery),
            path: request.path,
            document: request.json.map(String::into_bytes),
            is_gzipped: false,
            deadline: now.checked_add(patience).unwrap_or(now),
            due: now,
            failures: 0,
            backoff: threads.backoff(),
            last: None,
            shared: Arc::clone(&shared),
            done: Some(Box::new(done)),
        });
        Call { delivery: Arc::clone(&self.delivery), shared, pid: process_id() }
    }
}

impl Call {
    /// What came of it, once; `None` while nothing has. A request is not carried over a fork: in the child it has failed.
    #[must_use]
    pub fn outcome(&self) -> Option<Outcome> {
        if self.pid != process_id() {
            // What is shared belongs to the parent, and may be locked for ever here.
            return Some(self.failed("the request was begun by the process this one was forked from"));
        }
        self.shared.outcome.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Waits for what comes of it.
    #[must_use]
    pub fn wait(self) -> Outcome {
        if self.pid == process_id() {
            let outcome = self.shared.outcome.lock().unwrap_or_else(PoisonError::into_inner);
            let there = self.shared.done.wait_while(outcome, |outcome| outcome.is_none());
            drop(there);
        }
        self.outcome().unwrap_or_else(|| self.failed("the outcome has been taken before"))
    }

    /// Nobody waits any more: there is no further attempt.
    pub fn abandon(&self) {
        self.shared.is_abandoned.store(true, Ordering::Relaxed);
    }

    fn failed(&self, why: &str) -> Outcome {
        Outcome::of(self.delivery.endpoint.base_uri(), Err(TransportError::new(why)))
    }
}

impl Outcome {
    fn never_sent(base_uri: &str) -> Self {
        Self { answer: None, problem: Some(Problem::NeverSent { base_uri: base_uri.to_owned() }) }
    }

    fn of(base_uri: &str, result: Result<Reply, TransportError>) -> Self {
        match result {
            Ok(reply) => {
                let problem = problem::judge(base_uri.to_owned(), &reply).err();
                Self { answer: Some(reply), problem }
            }
            Err(cause) => {
                let problem = Problem::Unanswered { base_uri: base_uri.to_owned(), cause };
                Self { answer: None, problem: Some(problem) }
            }
        }
    }
}

impl Shared {
    fn settle(&self, outcome: Outcome) {
        *self.outcome.lock().unwrap_or_else(PoisonError::into_inner) = Some(outcome);
        self.done.notify_all();
    }
}
