//! Requests to the collector's API. Whoever makes one waits in Python, on a socket that becomes readable when there is an
//! outcome: so other greenlets run meanwhile, an event loop can wait, and signals are heard. The native threads that make the
//! requests know of nothing but the other end of that socket.

use std::net::Shutdown;
use std::os::fd::IntoRawFd;
use std::os::unix::net::UnixStream;
use std::sync::OnceLock;
use std::time::Duration;

use moesif::api::{Outcome, PendingRequest, Request};
use moesif::{Api, Client, Integration};
use pyo3::exceptions::{PyRuntimeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::guard::raising;
use crate::{json, settings};

/// The way to a collector's API: `ApiClient(settings, user_agent)`.
///
/// Raises `ValueError` for a bad value in the settings, and for a user agent that no header can hold.
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
                PyValueError::new_err(format!("version is {text:?}: expected text for the header User-Agent"))
            })?,
        };
        Ok(Self { api })
    }

    #[getter]
    fn base_uri(&self) -> &str {
        self.api.base_uri()
    }

    /// The `host:port` that connections are opened to: the collector's, or its proxy's.
    #[getter]
    fn peer(&self) -> String {
        self.api.peer().unwrap_or_default()
    }

    /// The `host:port` of the proxy on the way; `None` without one.
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

    /// A post of JSON text, which takes `patience` seconds at most.
    fn post(&self, path: &str, json: &str, patience: f64) -> PyResult<ApiCall> {
        Ok(ApiCall::new(self.api.clone(), Request::post(path, json), seconds(patience)?))
    }

    /// A request for a document.
    fn get(&self, path: &str, patience: f64) -> PyResult<ApiCall> {
        Ok(ApiCall::new(self.api.clone(), Request::get(path), seconds(patience)?))
    }
}

impl ApiClient {
    /// The way to the collector of a middleware.
    pub(crate) fn of(client: &Client) -> Self {
        Self { api: client.api() }
    }
}

/// A post of JSON text for a middleware: it takes `REQUEST_TIMEOUT` in all, because a request of the application waits for it.
#[expect(clippy::unnecessary_wraps, reason = "it is what a method of Python's returns")]
pub(crate) fn post(client: &Client, path: &str, json: &str) -> PyResult<ApiCall> {
    let api = client.api();
    let patience = api.request_timeout();
    Ok(ApiCall::new(api, Request::post(path, json), patience))
}

/// A request, which is begun once.
#[pyclass(frozen, module = "moesif._native")]
pub(crate) struct ApiCall {
    api: Api,
    request: Request,
    patience: Duration,
    call: OnceLock<PendingRequest>,
}

/// Status, header fields and body of an answer; status 0 where there is none. What is wrong, as a sentence.
type Told<'py> = (u16, Vec<(String, String)>, Bound<'py, PyBytes>, Option<String>);

#[pymethods]
impl ApiCall {
    /// The collector it is made to.
    #[getter]
    fn base_uri(&self) -> &str {
        self.api.base_uri()
    }

    /// How many seconds it may take in all, the time before it is begun included.
    #[getter]
    fn patience(&self) -> f64 {
        self.patience.as_secs_f64()
    }

    /// Begins it: there is an outcome within so many seconds. Returns the descriptor of a socket that becomes readable then,
    /// and stays so, in a child as well. It is the caller's to close.
    ///
    /// Raises `OSError` where there can be no socket, `RuntimeError` the second time.
    fn begin(&self, patience: f64) -> PyResult<i32> {
        let patience = seconds(patience)?;
        if self.call.get().is_some() {
            return Err(PyRuntimeError::new_err("the request has been begun before"));
        }
        let (hammer, bell) = UnixStream::pair()?;
        // The end of what can be read: no byte that a child could take, and no signal where nobody listens any more.
        let ring = move || drop(hammer.shutdown(Shutdown::Both));
        let call = raising(|| Ok(self.api.begin(self.request.clone(), patience, ring)))?;
        self.call.get_or_init(|| call);
        Ok(bell.into_raw_fd())
    }

    /// What came of it, once; `None` while nothing has.
    fn outcome<'py>(&self, py: Python<'py>) -> Option<Told<'py>> {
        let Outcome { answer, problem } = self.call.get()?.outcome()?;
        let answer = answer.unwrap_or_default();
        let body = PyBytes::new(py, &answer.body);
        Some((answer.status, answer.headers, body, problem.map(|problem| problem.to_string())))
    }

    /// Nobody waits any more: there is no further attempt.
    fn abandon(&self) {
        if let Some(call) = self.call.get() {
            call.abandon();
        }
    }
}

impl ApiCall {
    fn new(api: Api, request: Request, patience: Duration) -> Self {
        Self { api, request, patience, call: OnceLock::new() }
    }
}

fn seconds(seconds: f64) -> PyResult<Duration> {
    let patience = Duration::try_from_secs_f64(seconds).ok().filter(|patience| !patience.is_zero());
    patience.ok_or_else(|| {
        PyValueError::new_err(format!("timeout is {seconds}: expected a number of seconds above 0"))
    })
}

/// The JSON text of a document.
///
/// Raises `ValueError` when it is no dictionary or longer than `max_bytes`, and whatever the values' own methods raise.
#[pyfunction]
pub(crate) fn document_json(document: &Bound<'_, PyAny>, max_bytes: usize) -> PyResult<String> {
    Ok(Box::<str>::from(json::object(document, max_bytes)?).into())
}
