//! Requests to a collector's API that a caller waits for.
//!
//! In: a path, JSON text for a POST, a timeout for the whole request, and a function to call at the end. Out:
//! an [`Outcome`] with the last answer and the [`Problem`], if there is one.
//!
//! Failed attempts are retried until the timeout, under the same policy as batches (`http/verdict.rs`). A few
//! threads make the requests of the whole process. [`Api::begin`] does not wait. An abandoned request ends
//! after the attempt under way.

mod job;
mod pool;
mod problem;
mod resolvers;
mod schedule;

use std::mem;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

pub use problem::Problem;

use crate::delivery::Delivery;
use crate::http::{OwnRequest, Reply, TransportError};
use crate::process::{ProcessLocal, process_id};
use job::Job;
use pool::RequestPool;

static POOL: ProcessLocal<RequestPool> = ProcessLocal::new();

/// Forgets the threads of the parent process, in the child of a fork.
pub(crate) fn forget_inherited() {
    POOL.forget_inherited();
}

/// The API of one collector.
#[derive(Clone)]
pub struct Api {
    delivery: Arc<Delivery>,
}

/// A request that has not been sent.
#[derive(Clone)]
pub struct Request {
    content: Content,
    is_repeatable: bool,
}

/// What a request sends.
#[derive(Clone)]
enum Content {
    /// A GET of a document of the collector.
    Get { path: String },
    /// A POST of a document to the collector.
    Post { path: String, document: Vec<u8>, is_gzipped: bool },
    /// A request that a program wrote.
    Own(OwnRequest),
}

/// A request that [`Api::begin`] has started.
pub struct PendingRequest {
    delivery: Arc<Delivery>,
    completion: Arc<Completion>,
    pid: u32,
}

/// Result of a request.
#[derive(Debug)]
pub struct Outcome {
    /// The last answer, if one came.
    pub answer: Option<Reply>,
    /// Why the request failed, or succeeded only in part. `None` if it succeeded.
    pub problem: Option<Problem>,
}

/// State shared by the caller and the thread that makes the request.
#[derive(Default)]
struct Completion {
    progress: Mutex<Progress>,
    done: Condvar,
    is_abandoned: AtomicBool,
}

/// How far a request is.
#[derive(Default)]
enum Progress {
    #[default]
    Running,
    Ended(Outcome),
    /// It has ended, and the caller has its outcome.
    Taken,
}

impl Request {
    /// Creates a request for a document, such as `/v1/config`.
    #[must_use]
    pub fn get(path: &str) -> Self {
        Self { content: Content::Get { path: path.to_owned() }, is_repeatable: true }
    }

    /// Creates a request that sends JSON text, such as a user to `/v1/users`. It may be sent more than once,
    /// so the collector must treat it as idempotent.
    #[must_use]
    pub fn post(path: &str, json: impl Into<Vec<u8>>) -> Self {
        let content = Content::Post { path: path.to_owned(), document: json.into(), is_gzipped: false };
        Self { content, is_repeatable: true }
    }

    /// Creates a request that is sent as a program wrote it. Its URI must be below the base URI of the API that
    /// begins it. Unless `is_repeatable`, it is sent again only if the server certainly got nothing of it.
    #[must_use]
    pub fn own(request: OwnRequest, is_repeatable: bool) -> Self {
        Self { content: Content::Own(request), is_repeatable }
    }
}

impl Api {
    /// Creates the API of the collector that events are delivered to. Does not connect.
    #[must_use]
    pub fn new(delivery: Arc<Delivery>) -> Self {
        Self { delivery }
    }

    /// Returns the same API with another `User-Agent`. `None` if a header cannot hold the text.
    #[must_use]
    pub fn with_user_agent(&self, user_agent: &str) -> Option<Self> {
        let endpoint = self.delivery.endpoint.with_user_agent(user_agent)?;
        Some(Self::new(Arc::new(Delivery { endpoint, ..(*self.delivery).clone() })))
    }

    /// Returns the base URI of the collector.
    #[must_use]
    pub fn base_uri(&self) -> &str {
        self.delivery.endpoint.base_uri()
    }

    /// Returns the `host:port` that connections are opened to: the proxy's, or without one the collector's.
    #[must_use]
    pub fn peer(&self) -> Option<String> {
        self.delivery.endpoint.peer()
    }

    /// Returns the `host:port` of the proxy, if there is one.
    #[must_use]
    pub fn proxy(&self) -> Option<String> {
        self.delivery.endpoint.proxy()
    }

    /// Returns the application id of the requests.
    #[must_use]
    pub fn application_id(&self) -> &str {
        self.delivery.endpoint.application_id()
    }

    /// Returns `REQUEST_TIMEOUT`, the longest time for one attempt.
    #[must_use]
    pub fn request_timeout(&self) -> Duration {
        self.delivery.endpoint.request_timeout()
    }

    /// Begins a request. Its last attempt ends within `timeout`.
    ///
    /// `done` is called once when there is an outcome, on another thread or on this one.
    #[must_use]
    pub fn begin(
        &self,
        request: Request,
        timeout: Duration,
        done: impl FnOnce() + Send + 'static,
    ) -> PendingRequest {
        let pool = POOL.get_or_make(Arc::default);
        let completion = Arc::new(Completion::default());
        let now = Instant::now();
        pool.add(Job {
            delivery: Arc::clone(&self.delivery),
            content: request.content,
            is_repeatable: request.is_repeatable,
            deadline: now.checked_add(timeout).unwrap_or(now),
            due: now,
            failures: 0,
            backoff: pool.backoff(),
            last: None,
            completion: Arc::clone(&completion),
            done: Some(Box::new(done)),
        });
        PendingRequest { delivery: Arc::clone(&self.delivery), completion, pid: process_id() }
    }
}

impl PendingRequest {
    /// Takes the outcome. Returns `None` while the request runs, and after the outcome was taken. In the
    /// child of a fork the problem is [`TransportError::Forked`].
    #[must_use]
    pub fn outcome(&self) -> Option<Outcome> {
        if self.pid != process_id() {
            // The lock belongs to the parent and may never be released here.
            return Some(self.failed(TransportError::Forked));
        }
        self.completion.take()
    }

    /// Waits for the outcome. If [`PendingRequest::outcome`] has taken it, the problem is
    /// [`TransportError::OutcomeTaken`].
    #[must_use]
    pub fn wait(self) -> Outcome {
        if self.pid == process_id() {
            let progress = self.completion.lock();
            let is_running = |progress: &mut Progress| matches!(progress, Progress::Running);
            drop(self.completion.done.wait_while(progress, is_running));
        }
        self.outcome().unwrap_or_else(|| self.failed(TransportError::OutcomeTaken))
    }

    /// Stops further attempts: the caller no longer waits.
    pub fn abandon(&self) {
        self.completion.is_abandoned.store(true, Ordering::Relaxed);
    }

    fn failed(&self, error: TransportError) -> Outcome {
        Outcome::of(self.delivery.endpoint.base_uri(), Err(error))
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

impl Completion {
    fn is_abandoned(&self) -> bool {
        self.is_abandoned.load(Ordering::Relaxed)
    }

    fn settle(&self, outcome: Outcome) {
        *self.lock() = Progress::Ended(outcome);
        self.done.notify_all();
    }

    /// Takes the outcome, once.
    fn take(&self) -> Option<Outcome> {
        let mut progress = self.lock();
        match mem::replace(&mut *progress, Progress::Taken) {
            Progress::Ended(outcome) => Some(outcome),
            before => {
                *progress = before;
                None
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
