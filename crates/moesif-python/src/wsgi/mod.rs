//! The WSGI middleware (PEP 3333).
//!
//! One request, in order: [`WsgiMiddleware::__call__`] reads `environ` into an exchange; where governance rules are in force,
//! [`governance`] lets them decide, and a rule may answer instead of what follows. The application is handed a
//! [`StartResponse`](start_response::StartResponse) of ours; the request body is recorded as the application reads it
//! ([`input`]); the response as the server iterates it ([`response`]); at its end [`record`] asks the application's
//! functions and gives the exchange to the core. The interpreter is attached throughout and nothing waits. What is raised
//! here is what the application, the server's objects, or an exit in one of the functions raised.

pub(crate) mod environ;
mod governance;
pub(crate) mod input;
mod record;
mod response;
mod start_response;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use moesif::governance::Decision;
use moesif::{Client, Exchange, Governance, Integration};
use pyo3::exceptions::PyRuntimeError;
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyList, PyTuple, PyType};

use crate::api::{self, ApiCall, ApiClient};
use crate::guard::guarded;
use crate::record::Record;
use crate::serving::{Served, Serving};
use crate::{log, python, settings};
use environ::RequestHead;
use input::ReadAhead;
use record::Functions;
use response::{ResponseIterator, SizedResponseIterator};
use start_response::StartResponse;

/// Wraps a WSGI application: `WsgiMiddleware(app, settings)` is an application too.
///
/// Made in two steps, so that subclasses may have constructors of their own: the object takes any arguments, and
/// `_configure(app, settings)` fills it.
#[pyclass(frozen, subclass, module = "moesif._native")]
pub(crate) struct WsgiMiddleware {
    configured: OnceLock<Configured>,
}

/// The application and how it is captured.
struct Configured {
    app: Py<PyAny>,
    client: Client,
    functions: Functions,
    pid_header: bool,
    lengths: response::Lengths,
    read_request_body_first: bool,
    has_governance_failed: AtomicBool,
}

#[pymethods]
impl WsgiMiddleware {
    #[new]
    #[pyo3(signature = (*_args, **_kwargs))]
    fn new(_args: &Bound<'_, PyTuple>, _kwargs: Option<&Bound<'_, PyDict>>) -> Self {
        Self { configured: OnceLock::new() }
    }

    /// Checks the settings and takes the application. Makes no network call and starts nothing. Returns the options
    /// `DEBUG`, `LOG_BODY` and `CAPTURE_OUTGOING_REQUESTS`.
    ///
    /// Raises `ValueError` for a bad value, naming the option, the value and what is expected; `RuntimeError` when
    /// called twice.
    fn _configure(
        &self,
        py: Python<'_>,
        app: Py<PyAny>,
        given: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<(bool, bool, bool)> {
        let parsed = settings::parse(given, py, Integration::Wsgi)?;
        let options = (parsed.pid_header, parsed.policy.log_body, parsed.outgoing.captured);
        let configured = Configured {
            app,
            functions: Functions::new(py, given),
            pid_header: parsed.pid_header,
            lengths: response::Lengths::default(),
            read_request_body_first: parsed.read_request_body_first,
            has_governance_failed: AtomicBool::new(false),
            client: Client::new(parsed),
        };
        self.configured
            .set(configured)
            .map(|()| options)
            .map_err(|_| PyRuntimeError::new_err("this middleware is configured already"))
    }

    /// Begins to post JSON text to the collector of these settings.
    fn _post(&self, path: &str, json: &str) -> PyResult<ApiCall> {
        api::post(&self.configured()?.client, path, json)
    }

    /// The API of the collector of these settings.
    fn _api(&self) -> PyResult<ApiClient> {
        Ok(ApiClient::of(&self.configured()?.client))
    }

    /// Serves one request.
    fn __call__<'py>(
        slf: &Bound<'py, Self>,
        environ: &Bound<'py, PyAny>,
        start_response: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let py = slf.py();
        let configured = slf.get().configured()?;
        let begun = environ.cast::<PyDict>().ok().and_then(|environ| {
            let (call, rules) = configured.begin(slf, environ)?;
            Some((environ, call, rules))
        });
        let Some((environ, call, rules)) = begun else {
            let app = configured.app.bind(py);
            return python::call(app, &PyTuple::new(py, [environ, start_response])?, None);
        };
        let serving = call.served.enter(py, &configured.client, &call.record);
        let result = configured.serve(call, rules.as_deref(), environ, start_response);
        serving.leave();
        result
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        if let Some(configured) = self.configured.get() {
            visit.call(&configured.app)?;
            configured.functions.traverse(visit)?;
            configured.lengths.traverse(visit)?;
        }
        Ok(())
    }
}

impl WsgiMiddleware {
    fn configured(&self) -> PyResult<&Configured> {
        self.configured.get().ok_or_else(|| {
            PyRuntimeError::new_err("the middleware is not configured: call MoesifMiddleware.__init__")
        })
    }
}

impl Configured {
    /// Starts the record of a request, under the rules in force if there are any. `None` when it cannot be recorded: the
    /// application then runs without us.
    fn begin<'py>(
        &self,
        middleware: &Bound<'py, WsgiMiddleware>,
        environ: &Bound<'py, PyDict>,
    ) -> Option<(Call, Option<Arc<Governance>>)> {
        let py = environ.py();
        let begun = guarded(|| {
            let (mut exchange, rules) = self.client.begin_governed();
            let head = environ::read(environ, &mut exchange);
            (exchange, rules, head)
        });
        // Only now, because beginning the first call may add a message.
        log::drain(py);
        let Some((exchange, rules, head)) = begun else {
            self.client.lose();
            return None;
        };
        let record = Record::new(exchange);
        let chunks = PyList::empty(py);
        drop(environ.set_item(intern!(py, "moesif.response_body_chunks"), &chunks));
        let call = Call {
            middleware: middleware.clone().unbind(),
            record,
            served: Served::default(),
            environ: environ.clone().unbind(),
            chunks: chunks.unbind(),
            head,
        };
        if head.holds_keys_of_ours {
            // Of an earlier request that used the same dictionary.
            for key in [intern!(py, "moesif.request_body"), intern!(py, "moesif.response_headers")] {
                drop(environ.del_item(key));
            }
        }
        Some((call, rules))
    }

    /// Applies the rules in force, and calls the application unless one of them answers.
    fn serve<'py>(
        &self,
        call: Call,
        rules: Option<&Governance>,
        environ: &Bound<'py, PyDict>,
        start_response: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let py = environ.py();
        let decision = match self.before_application(&call, environ, rules) {
            Ok(decision) => decision,
            Err(exit) => {
                call.record.update(Exchange::fail);
                return Err(with_exit(py, exit, call.finish(py)));
            }
        };
        let rule_headers = match decision {
            Decision::Pass(headers) => headers,
            Decision::Block(block) => return governance::answer(call, self, block, start_response),
        };
        let replacement = StartResponse::new(&call, self.pid_header, rule_headers, start_response);
        let replacement = Bound::new(py, replacement)?;
        let arguments = PyTuple::new(py, [environ.as_any(), replacement.as_any()])?;
        match python::call(self.app.bind(py), &arguments, None) {
            Ok(result) => respond(call, result, &self.lengths),
            Err(error) => {
                call.record.update(Exchange::fail);
                Err(with_exit(py, error, call.finish(py)))
            }
        }
    }

    /// What is done before the application is called: its request body will be recorded as it reads it, or is read now; and
    /// the rules in force decide about the call.
    ///
    /// Raises only what is not an `Exception`.
    fn before_application(
        &self,
        call: &Call,
        environ: &Bound<'_, PyDict>,
        rules: Option<&Governance>,
    ) -> PyResult<Decision> {
        let Some(rules) = rules else {
            self.record_input(call, environ, self.read_request_body_first)?;
            return Ok(Decision::Pass(Vec::new()));
        };
        let read_first = self.read_request_body_first || rules.needs_request_body();
        let known = self.record_input(call, environ, read_first)?;
        governance::decide(call, self, rules, environ, known)
    }

    /// Sees to it that the request body is recorded as the application reads it, or reads it now where that may be done, and
    /// returns what was read.
    ///
    /// Raises only what is not an `Exception` (an exit while reading ahead).
    fn record_input(
        &self,
        call: &Call,
        environ: &Bound<'_, PyDict>,
        read_first: bool,
    ) -> PyResult<Option<ReadAhead>> {
        let policy = self.client.policy();
        let is_wanted = policy.log_body || self.functions.look_at_environ() || read_first;
        if !call.head.may_have_body || !is_wanted {
            return Ok(None);
        }
        let length = call.head.may_read_first(policy).filter(|_| read_first);
        let read = input::record_input(environ, &call.record, length)?;
        if read.is_some() && self.read_request_body_first {
            record::publish_request_body(&call.record, environ);
        }
        Ok(read)
    }

    /// Logs what keeps rules from being applied, the first time.
    fn report_governance(&self, py: Python<'_>, cause: Option<&PyErr>) {
        if !self.has_governance_failed.swap(true, Ordering::Relaxed) {
            let message = "governance rules are not applied to a call because of a fault in this package: please \
                           report it. Further faults are not logged";
            log::warn(py, log::GOVERNANCE, message, cause);
        }
    }
}

/// The error to raise when the application's own work raised `error`: that one, or an exit that a function raised while
/// the record was ended, with the application's as its context, as a `finally` would have it.
fn with_exit(py: Python<'_>, error: PyErr, ended: PyResult<()>) -> PyErr {
    match ended {
        Ok(()) => error,
        Err(exit) => {
            drop(exit.value(py).setattr(intern!(py, "__context__"), error.value(py)));
            exit
        }
    }
}

/// One request on its way: what the objects that stand in for the server's share.
struct Call {
    middleware: Py<WsgiMiddleware>,
    record: Record,
    served: Served,
    environ: Py<PyDict>,
    chunks: Py<PyList>,
    head: RequestHead,
}

impl Call {
    /// The response has ended: asks the application's functions and hands the record over, once.
    ///
    /// Raises only what is not an `Exception` (see [`crate::callbacks`]).
    fn finish(&self, py: Python<'_>) -> PyResult<()> {
        let Some(exchange) = self.record.take() else {
            return Ok(());
        };
        let configured = self.middleware.get().configured()?;
        record::finish(
            exchange,
            &configured.client,
            &configured.functions,
            configured.app.bind(py),
            self.environ.bind(py),
        )
    }

    /// What runs from here on runs while this call is served.
    fn serving<'py>(&self, py: Python<'py>) -> PyResult<Serving<'py>> {
        Ok(self.served.enter(py, &self.middleware.get().configured()?.client, &self.record))
    }

    fn traverse(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.middleware)?;
        visit.call(&self.environ)?;
        visit.call(&self.chunks)
    }
}

/// Passes the application's result on: as it is where that is possible, else inside an iterator of ours.
fn respond<'py>(
    call: Call,
    result: Bound<'py, PyAny>,
    lengths: &response::Lengths,
) -> PyResult<Bound<'py, PyAny>> {
    let py = result.py();
    if result.is_exact_instance_of::<PyList>() {
        if let Ok(chunks) = result.cast::<PyList>() {
            record_all(&call, chunks.iter());
        }
    } else if result.is_exact_instance_of::<PyTuple>() {
        if let Ok(chunks) = result.cast::<PyTuple>() {
            record_all(&call, chunks.iter());
        }
    } else if result.cast::<PyBytes>().is_ok() {
        // No iterable of chunks, but a server that is given one may send it whole.
        record_all(&call, std::iter::once(result.clone()));
    } else if !is_file_wrapper(call.environ.bind(py), &result) {
        let is_sized = lengths.is_sized(&result);
        let iterator = ResponseIterator::new(call, result);
        return if is_sized {
            let sized = PyClassInitializer::from(iterator).add_subclass(SizedResponseIterator);
            Ok(Bound::new(py, sized)?.into_any())
        } else {
            Ok(Bound::new(py, iterator)?.into_any())
        };
    }
    call.finish(py)?;
    Ok(result)
}

fn record_all<'py>(call: &Call, chunks: impl Iterator<Item = Bound<'py, PyAny>>) {
    for chunk in chunks {
        call.record.response_chunk(&chunk, call.chunks.bind(chunk.py()));
    }
}

/// Whether the server sends this result in a way of its own, which it recognises by the object: an instance of the
/// `wsgi.file_wrapper` class; where that is a function, anything with `fileno`, and what can only be read.
fn is_file_wrapper(environ: &Bound<'_, PyDict>, result: &Bound<'_, PyAny>) -> bool {
    let py = environ.py();
    let Ok(Some(wrapper)) = environ.get_item(intern!(py, "wsgi.file_wrapper")) else {
        return false;
    };
    if let Ok(class) = wrapper.cast::<PyType>() {
        return result.is_instance(class).unwrap_or(false);
    }
    let has = |name| result.hasattr(name).unwrap_or(false);
    has(intern!(py, "fileno")) || (has(intern!(py, "read")) && !has(intern!(py, "__iter__")))
}
