//! Requests to the collector's API. Whoever makes one waits in Python, on a socket that becomes readable when there is an
//! outcome: so other greenlets run meanwhile, an event loop can wait, and signals are heard. The native threads that make the
//! requests know of nothing but the other end of that socket.

use std::io::Write;
use std::os::fd::IntoRawFd;
use std::os::unix::net::UnixStream;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use moesif::api::{Call, Outcome, Request};
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

    /// `REQUEST_TIMEOUT`, in seconds.
    #[getter]
    fn request_timeout(&self) -> f64 {
        self.api.request_timeout().as_secs_f64()
    }

    #[getter]
    fn application_id(&self) -> &str {
        self.api.application_id()
    }

    /// Begins to post JSON text. It ends within `patience` seconds.
    fn post(&self, path: &str, json: &str, patience: f64) -> PyResult<ApiCall> {
        ApiCall::begin(&self.api, Request::post(path, json), seconds(patience)?)
    }

    /// Begins to ask for a document.
    fn get(&self, path: &str, patience: f64) -> PyResult<ApiCall> {
        ApiCall::begin(&self.api, Request::get(path), seconds(patience)?)
    }
}

impl ApiClient {
    /// The way to the collector of a middleware.
    pub(crate) fn of(client: &Client) -> Self {
        Self { api: client.api() }
    }
}

/// Begins to post JSON text for a middleware: within `REQUEST_TIMEOUT` in all, because a request of the application waits for it.
pub(crate) fn post(client: &Client, path: &str, json: &str) -> PyResult<ApiCall> {
    let api = client.api();
    ApiCall::begin(&api, Request::post(path, json), api.request_timeout())
}

/// A request that has been begun.
#[pyclass(frozen, module = "moesif._native")]
pub(crate) struct ApiCall {
    call: Call,
    patience: Duration,
    /// The end of the socket that becomes readable.
    bell: Mutex<Option<UnixStream>>,
}

/// Status, header fields and body of an answer; status 0 where there is none. What is wrong, as a sentence.
type Told<'py> = (u16, Vec<(String, String)>, Bound<'py, PyBytes>, Option<String>);

#[pymethods]
impl ApiCall {
    /// The seconds after which there is an outcome.
    #[getter]
    fn patience(&self) -> f64 {
        self.patience.as_secs_f64()
    }

    /// Hands over the descriptor of a socket that becomes readable when there is an outcome. It is the caller's to close.
    ///
    /// Raises `RuntimeError` the second time.
    fn detach(&self) -> PyResult<i32> {
        let bell = self.bell.lock().unwrap_or_else(PoisonError::into_inner).take();
        bell.map(IntoRawFd::into_raw_fd)
            .ok_or_else(|| PyRuntimeError::new_err("the socket has been handed over before"))
    }

    /// What came of it, once; `None` while nothing has.
    fn outcome<'py>(&self, py: Python<'py>) -> Option<Told<'py>> {
        let Outcome { answer, problem } = self.call.outcome()?;
        let answer = answer.unwrap_or_default();
        let body = PyBytes::new(py, &answer.body);
        Some((answer.status, answer.headers, body, problem.map(|problem| problem.to_string())))
    }

    /// Nobody waits any more: there is no further attempt.
    fn abandon(&self) {
        self.call.abandon();
    }
}

impl ApiCall {
    fn begin(api: &Api, request: Request, patience: Duration) -> PyResult<Self> {
        let (mut hammer, bell) = UnixStream::pair()?;
        // While the native side has the other end as well, writing cannot fail for want of a reader: that could be a signal,
        // and by default the end of the process.
        let open = bell.try_clone()?;
        let ring = move || {
            // It has room for a byte.
            let _written = hammer.write(&[1]);
            drop(open);
        };
        let call = raising(|| Ok(api.begin(request, patience, ring)))?;
        Ok(Self { call, patience, bell: Mutex::new(Some(bell)) })
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
