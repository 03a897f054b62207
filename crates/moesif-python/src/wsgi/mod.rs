//! The WSGI middleware (PEP 3333).
//!
//! One request, in order: [`WsgiMiddleware::__call__`] reads `environ` into an exchange and hands the application a
//! [`StartResponse`](start_response::StartResponse) of ours; the request body is recorded as the application reads it
//! ([`input`]); the response as the server iterates it ([`response`]); at its end [`record`] asks the application's
//! functions and gives the exchange to the core. The interpreter is attached throughout; nothing waits, and nothing
//! here raises what the application would not have raised without us.

mod environ;
mod input;
mod record;
mod response;
mod start_response;

use std::sync::OnceLock;

use moesif::{Client, Exchange, Integration};
use pyo3::exceptions::PyRuntimeError;
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyTuple, PyType};

use crate::{log, settings};
use record::{Functions, Record};
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
    settings: Py<PyDict>,
    client: Client,
    functions: Functions,
    debug: bool,
    read_request_body_first: bool,
}

#[pymethods]
impl WsgiMiddleware {
    #[new]
    #[pyo3(signature = (*_args, **_kwargs))]
    fn new(_args: &Bound<'_, PyTuple>, _kwargs: Option<&Bound<'_, PyDict>>) -> Self {
        Self { configured: OnceLock::new() }
    }

    /// Checks the settings and takes the application. Makes no network call and starts nothing.
    ///
    /// Raises `ValueError` for a bad value, naming the option, the value and what is expected; `RuntimeError` when
    /// called twice.
    fn _configure(&self, py: Python<'_>, app: Py<PyAny>, given: Option<&Bound<'_, PyAny>>) -> PyResult<()> {
        let parsed = settings::parse(given, py, Integration::Wsgi)?;
        let configured = Configured {
            app,
            settings: settings::copy(py, given)?.unbind(),
            functions: Functions::new(py, given),
            debug: parsed.debug,
            read_request_body_first: parsed.read_request_body_first,
            client: Client::new(parsed),
        };
        self.configured
            .set(configured)
            .map_err(|_| PyRuntimeError::new_err("this middleware is configured already"))
    }

    /// Serves one request.
    fn __call__<'py>(
        slf: &Bound<'py, Self>,
        environ: &Bound<'py, PyAny>,
        start_response: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let py = slf.py();
        let configured = slf.get().configured()?;
        let app = configured.app.bind(py);
        let Some((environ, call)) = environ
            .cast::<PyDict>()
            .ok()
            .and_then(|environ| Some((environ, configured.begin(slf, environ)?)))
        else {
            return app.call1((environ, start_response));
        };
        let replacement = StartResponse::new(&call, configured.debug, start_response);
        let replacement = Bound::new(py, replacement)?;
        match app.call1((environ, replacement)) {
            Ok(result) => respond(call, result),
            Err(error) => {
                call.record.update(Exchange::fail);
                call.finish(py)?;
                Err(error)
            }
        }
    }

    /// The wrapped application.
    #[getter]
    fn app(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        Ok(self.configured()?.app.clone_ref(py))
    }

    /// A copy of the settings the middleware was made with.
    #[getter]
    fn settings(&self, py: Python<'_>) -> PyResult<Py<PyDict>> {
        Ok(self.configured()?.settings.clone_ref(py))
    }

    /// The option `DEBUG`.
    #[getter(DEBUG)]
    fn debug(&self) -> PyResult<bool> {
        Ok(self.configured()?.debug)
    }

    /// The option `LOG_BODY`.
    #[getter(LOG_BODY)]
    fn log_body(&self) -> PyResult<bool> {
        Ok(self.configured()?.client.policy().log_body)
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        if let Some(configured) = self.configured.get() {
            visit.call(&configured.app)?;
            visit.call(&configured.settings)?;
            configured.functions.traverse(visit)?;
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
    /// Starts the record of a request. `None` when it cannot be recorded: the application then runs without us.
    fn begin<'py>(
        &self,
        middleware: &Bound<'py, WsgiMiddleware>,
        environ: &Bound<'py, PyDict>,
    ) -> Option<Call> {
        let py = environ.py();
        log::drain(py);
        let begun = record::guarded(|| {
            let mut exchange = self.client.begin();
            let head = environ::read(environ, &mut exchange);
            (exchange, head)
        });
        let Some((exchange, head)) = begun else {
            self.client.lose();
            return None;
        };
        let record = Record::new(exchange);
        let chunks = PyList::empty(py);
        drop(environ.set_item(intern!(py, "moesif.response_body_chunks"), &chunks));
        let call = Call {
            middleware: middleware.clone().unbind(),
            record,
            environ: environ.clone().unbind(),
            chunks: chunks.unbind(),
        };
        if head.may_have_body
            && (self.client.policy().log_body
                || self.functions.look_at_environ()
                || self.read_request_body_first)
        {
            let read_first = self.read_request_body_first && head.may_read_first(self.client.policy());
            input::record_input(environ, &call.record, head.declared_length.filter(|_| read_first));
            if read_first {
                record::publish_request_body(&call.record, environ);
            }
        }
        Some(call)
    }
}

/// One request on its way: what the objects that stand in for the server's share.
struct Call {
    middleware: Py<WsgiMiddleware>,
    record: Record,
    environ: Py<PyDict>,
    chunks: Py<PyList>,
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

    fn traverse(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.middleware)?;
        visit.call(&self.environ)?;
        visit.call(&self.chunks)
    }
}

/// Passes the application's result on: as it is where that is possible, else inside an iterator of ours.
fn respond(call: Call, result: Bound<'_, PyAny>) -> PyResult<Bound<'_, PyAny>> {
    let py = result.py();
    if result.is_exact_instance_of::<PyList>() {
        if let Ok(chunks) = result.cast::<PyList>() {
            record_all(&call, chunks.iter());
        }
    } else if result.is_exact_instance_of::<PyTuple>() {
        if let Ok(chunks) = result.cast::<PyTuple>() {
            record_all(&call, chunks.iter());
        }
    } else if !is_file_wrapper(call.environ.bind(py), &result) {
        let is_sized = response::is_sized(&result);
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
/// `wsgi.file_wrapper` class; where that is a function, anything with `fileno`.
fn is_file_wrapper(environ: &Bound<'_, PyDict>, result: &Bound<'_, PyAny>) -> bool {
    let py = environ.py();
    match environ.get_item(intern!(py, "wsgi.file_wrapper")) {
        Ok(Some(wrapper)) => match wrapper.cast::<PyType>() {
            Ok(class) => result.is_instance(class).unwrap_or(false),
            Err(_) => result.hasattr(intern!(py, "fileno")).unwrap_or(false),
        },
        _ => false,
    }
}
