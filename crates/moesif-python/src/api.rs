//! Single requests to the collector's API, which a caller waits for.
//!
//! The caller waits in Python, on a socket that becomes readable when there is an outcome. So other greenlets
//! run meanwhile, an event loop can wait, and signal handlers run. The native threads that make the requests
//! know only the other end of that socket.

use std::net::Shutdown;
use std::os::fd::IntoRawFd;
use std::os::unix::net::UnixStream;
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

use moesif::api::{Outcome, PendingRequest, Problem, Request};
use moesif::http::{OwnRequest, TransportError};
use moesif::{Api, Client, Integration};
use pyo3::exceptions::{PyMemoryError, PyRuntimeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::convert::copied;
use crate::guard::raising;
use crate::once::intern;
use crate::{json, python, settings};

/// Client for a collector's API: `ApiClient(settings, user_agent)`.
///
/// Raises `ValueError` for a bad value in the settings, and for a user agent that a header cannot hold.
#[pyclass(frozen, module = "moesif._native")]
pub(crate) struct ApiClient {
    api: Api,
}

#[pymethods]
impl ApiClient {
    #[new]
    #[pyo3(signature = (given, user_agent=None))]
    fn new(py: Python<'_>, given: Option<&Bound<'_, PyAny>>, user_agent: Option<&str>) -> PyResult<Self> {
        let parsed = settings::parse(given, py, Integration::Api)?;
        let api = Client::new(parsed).api();
        let api = match user_agent {
            None => api,
            Some(text) => api.with_user_agent(text).ok_or_else(|| {
                PyValueError::new_err(format!(
                    "version is {text:?}: expected text that the header User-Agent can hold"
                ))
            })?,
        };
        Ok(Self { api })
    }

    #[getter]
    fn base_uri(&self) -> &str {
        self.api.base_uri()
    }

    /// The `host:port` of the collector, or of the proxy if there is one. Connections are opened to it.
    #[getter]
    fn peer(&self) -> String {
        self.api.peer().unwrap_or_default()
    }

    /// The `host:port` of the proxy. `None` without a proxy.
    #[getter]
    fn proxy(&self) -> Option<String> {
        self.api.proxy()
    }

    /// `REQUEST_TIMEOUT`, in seconds.
    #[getter]
    fn request_timeout(&self) -> f64 {
        self.api.request_timeout().as_secs_f64()
    }

    #[getter]
    fn application_id(&self) -> &str {
        self.api.application_id()
    }

    /// Returns a POST of JSON text. It takes at most `timeout` seconds, retries included.
    fn post(&self, path: &str, json: &str, timeout: f64) -> PyResult<ApiCall> {
        ApiCall::post(self.api.clone(), path, json, seconds(timeout)?)
    }

    /// Returns a request that is sent as the caller wrote it, without the application id: `uri` must be below the
    /// base URI. Unless `is_repeatable`, it is sent again only if the server certainly got nothing of it.
    ///
    /// Raises `ValueError` for a method, URI or header that HTTP does not allow, and `MemoryError`.
    fn own(
        &self,
        method: &str,
        uri: &str,
        headers: Vec<(String, Vec<u8>)>,
        body: Option<&Bound<'_, PyBytes>>,
        is_repeatable: bool,
        timeout: f64,
    ) -> PyResult<ApiCall> {
        let body = body.map(|body| copy(body.as_bytes())).transpose()?;
        let request = OwnRequest::new(method, uri, headers, body)
            .map_err(|error| PyValueError::new_err(format!("the request cannot be sent: {error}")))?;
        Ok(ApiCall::new(self.api.clone(), Request::own(request, is_repeatable), seconds(timeout)?))
    }

    /// Returns a GET of a document. It takes at most `timeout` seconds, retries included.
    fn get(&self, path: &str, timeout: f64) -> PyResult<ApiCall> {
        Ok(ApiCall::new(self.api.clone(), Request::get(path), seconds(timeout)?))
    }
}

impl ApiClient {
    /// Returns a client for the collector of a middleware.
    pub(crate) fn of(client: &Client) -> Self {
        Self { api: client.api() }
    }
}

/// Returns a POST of JSON text for a middleware. It takes at most `REQUEST_TIMEOUT`, retries included,
/// because a request of the application waits for it.
///
/// Raises `MemoryError`.
pub(crate) fn post(client: &Client, path: &str, json: &str) -> PyResult<ApiCall> {
    let api = client.api();
    let timeout = api.request_timeout();
    ApiCall::post(api, path, json, timeout)
}

/// A request. It can be begun once.
#[pyclass(frozen, module = "moesif._native")]
pub(crate) struct ApiCall {
    api: Api,
    /// `None` once it has been begun.
    request: Mutex<Option<Request>>,
    timeout: Duration,
    pending: OnceLock<PendingRequest>,
}

#[pymethods]
impl ApiCall {
    /// Base URI of the collector that it goes to.
    #[getter]
    fn base_uri(&self) -> &str {
        self.api.base_uri()
    }

    /// How many seconds it may take, including the time before it is begun.
    #[getter]
    fn timeout(&self) -> f64 {
        self.timeout.as_secs_f64()
    }

    /// Begins the request: there is an outcome within `timeout` seconds. Returns the descriptor of a socket
    /// that becomes readable then, and stays readable, in a forked child too. The caller closes it.
    ///
    /// Raises `OSError` if there can be no socket, `RuntimeError` the second time.
    fn begin(&self, timeout: f64) -> PyResult<i32> {
        let timeout = seconds(timeout)?;
        let (notifier, waiter) = UnixStream::pair()?;
        let Some(request) = self.request.lock().unwrap_or_else(PoisonError::into_inner).take() else {
            return Err(PyRuntimeError::new_err("this request has been begun already: make a new one"));
        };
        // A shutdown makes the other end readable for ever. A byte could be read by a forked child, and
        // writing one could raise a signal after the caller has closed its end.
        let notify = move || drop(notifier.shutdown(Shutdown::Both));
        let pending = raising(|| Ok(self.api.begin(request, timeout, notify)))?;
        self.pending.get_or_init(|| pending);
        Ok(waiter.into_raw_fd())
    }

    /// Returns the outcome as a `moesif.client.transport.Outcome`, once. `None` while there is none.
    fn outcome<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        let Some(Outcome { answer, problem }) = self.pending.get().and_then(PendingRequest::outcome) else {
            return Ok(None);
        };
        let answer = answer.unwrap_or_default();
        let body = copied(py, &answer.body)?;
        let cause = problem.as_ref().and_then(cause);
        let problem = problem.map(|problem| problem.to_string());
        let transport = python::import(intern!(py, "moesif.client.transport"))?;
        let fields = (answer.status, answer.headers, body, problem, cause).into_pyobject(py)?;
        python::call_method(&transport, intern!(py, "Outcome"), &fields).map(Some)
    }

    /// Makes no further attempt: the caller no longer waits.
    fn abandon(&self) {
        if let Some(pending) = self.pending.get() {
            pending.abandon();
        }
    }
}

impl ApiCall {
    /// Raises `MemoryError`.
    fn post(api: Api, path: &str, json: &str, timeout: Duration) -> PyResult<Self> {
        Ok(Self::new(api, Request::post(path, copy(json.as_bytes())?), timeout))
    }

    fn new(api: Api, request: Request, timeout: Duration) -> Self {
        Self { api, request: Mutex::new(Some(request)), timeout, pending: OnceLock::new() }
    }
}

/// Returns a copy. Raises `MemoryError`.
fn copy(bytes: &[u8]) -> PyResult<Vec<u8>> {
    let mut copy = Vec::new();
    copy.try_reserve_exact(bytes.len()).map_err(|_| PyMemoryError::new_err(()))?;
    copy.extend_from_slice(bytes);
    Ok(copy)
}

/// Returns the name of a cause that Python gives advice for.
fn cause(problem: &Problem) -> Option<&'static str> {
    match problem {
        Problem::Unanswered { cause: TransportError::Certificate(_), .. } => Some("certificate"),
        Problem::Unanswered { cause: TransportError::AuthorityCertificate, .. } => {
            Some("authority certificate")
        }
        Problem::Unanswered { cause: TransportError::TlsRefused(_), .. } => Some("tls"),
        Problem::Unanswered { cause: TransportError::Proxy(_), .. } => Some("proxy"),
        _ => None,
    }
}

fn seconds(seconds: f64) -> PyResult<Duration> {
    let timeout = Duration::try_from_secs_f64(seconds).ok().filter(|timeout| !timeout.is_zero());
    timeout.ok_or_else(|| {
        PyValueError::new_err(format!("timeout is {seconds}: expected a number of seconds above 0"))
    })
}

/// Returns the JSON text of a document.
///
/// Raises `ValueError` if it is not a dictionary or is longer than `max_bytes`, and whatever the methods of
/// its values raise.
#[pyfunction]
pub(crate) fn document_json(document: &Bound<'_, PyAny>, max_bytes: usize) -> PyResult<String> {
    Ok(Box::<str>::from(json::object(document, max_bytes)?).into())
}
