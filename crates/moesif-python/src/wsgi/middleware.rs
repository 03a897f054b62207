//! The class that Python code uses.

use std::sync::OnceLock;

use moesif::{Client, Integration};
use pyo3::exceptions::{PyRuntimeError, PyTypeError};
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};

use super::functions::Functions;
use super::respond::ResultClasses;
use crate::api::{self, ApiCall, ApiClient};
use crate::gc::{Traverse, traverse};
use crate::guard::raising;
use crate::once::intern;
use crate::request::governance::FaultLog;
use crate::{python, settings};

/// Wraps a WSGI application: `WsgiMiddleware(app, settings)` is an application too.
///
/// Made in two steps, so that subclasses may have constructors of their own: the constructor takes any
/// arguments, and `_configure(app, settings)` does the work.
#[pyclass(frozen, subclass, module = "moesif._native")]
pub(crate) struct WsgiMiddleware {
    configured: OnceLock<Configured>,
}

/// The application, and how it is captured.
pub(super) struct Configured {
    pub(super) app: Py<PyAny>,
    pub(super) client: Client,
    pub(super) functions: Functions,
    pub(super) pid_header: bool,
    pub(super) result_classes: ResultClasses,
    pub(super) read_request_body_first: bool,
    pub(super) governance_faults: FaultLog,
}

traverse!(WsgiMiddleware { configured });
traverse!(Configured { app, functions, result_classes });

/// Options that the Python part of the middleware needs.
#[pyclass(frozen, get_all, module = "moesif._native")]
pub(crate) struct MiddlewareOptions {
    /// `DEBUG`
    debug: bool,
    /// `LOG_BODY`
    log_body: bool,
    /// `API_VERSION`
    api_version: Option<String>,
    /// `CAPTURE_OUTGOING_REQUESTS`
    captures_outgoing: bool,
}

#[pymethods]
impl WsgiMiddleware {
    #[new]
    #[pyo3(signature = (*_args, **_kwargs))]
    fn new(_args: &Bound<'_, PyTuple>, _kwargs: Option<&Bound<'_, PyDict>>) -> Self {
        Self { configured: OnceLock::new() }
    }

    /// Checks the settings and takes the application. Makes no network call and starts no thread.
    ///
    /// Raises `ValueError` for a bad value, naming the option, the value and what is expected; `RuntimeError`
    /// when called twice.
    fn _configure(
        &self,
        py: Python<'_>,
        app: Py<PyAny>,
        given: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<MiddlewareOptions> {
        let parsed = settings::parse(given, py, Integration::Wsgi)?;
        let options = MiddlewareOptions {
            debug: parsed.pid_header,
            log_body: parsed.policy.log_body,
            api_version: parsed.policy.api_version.clone(),
            captures_outgoing: parsed.outgoing.captured,
        };
        let configured = Configured {
            app,
            functions: Functions::new(py, given),
            pid_header: parsed.pid_header,
            result_classes: ResultClasses::default(),
            read_request_body_first: parsed.read_request_body_first,
            governance_faults: FaultLog::default(),
            client: Client::new(parsed),
        };
        self.configured
            .set(configured)
            .map(|()| options)
            .map_err(|_| PyRuntimeError::new_err("this middleware is configured already"))
    }

    /// Returns a POST of JSON text to the collector of these settings.
    fn _post(&self, path: &str, json: &str) -> PyResult<ApiCall> {
        api::post(&self.configured()?.client, path, json)
    }

    /// Returns the API of the collector of these settings.
    fn _api(&self) -> PyResult<ApiClient> {
        Ok(ApiClient::of(&self.configured()?.client))
    }

    /// Serves one request.
    ///
    /// Raises `TypeError` if it is called in another way than a WSGI application: as an ASGI application with
    /// `(scope, receive, send)`, with `(scope)` by servers that take it for an ASGI 2 application, or with the
    /// request object of a framework.
    #[pyo3(signature = (environ=None, start_response=None, send=None, *, scope=None, receive=None))]
    fn __call__<'py>(
        slf: &Bound<'py, Self>,
        environ: Option<&Bound<'py, PyAny>>,
        start_response: Option<&Bound<'py, PyAny>>,
        send: Option<&Bound<'py, PyAny>>,
        scope: Option<&Bound<'py, PyAny>>,
        receive: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let py = slf.py();
        let none = py.None().into_bound(py);
        let environ = environ.unwrap_or(&none);
        if scope.is_some()
            || receive.is_some()
            || send.is_some()
            || (start_response.is_none() && is_asgi_scope(environ))
        {
            return Err(not_a_wsgi_call("as an ASGI application"));
        }
        let start_response = start_response.unwrap_or(&none);
        let configured = slf.get().configured()?;
        let begun = environ
            .cast::<PyDict>()
            .ok()
            .and_then(|environ| Some((environ, configured.begin(slf, environ)?)));
        let Some((environ, begun)) = begun else {
            if is_request_object(environ) {
                let class = environ.get_type().fully_qualified_name()?;
                return Err(not_a_wsgi_call(&format!("with a {class} in place of an environ dictionary")));
            }
            let app = configured.app.bind(py);
            let arguments = raising(|| PyTuple::new(py, [environ, start_response]))?;
            return python::call(app, &arguments, None);
        };
        let serving = begun.call.served.enter(py, &configured.client, &begun.call.record);
        let result = configured.serve(begun, environ, start_response);
        serving.leave();
        result
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        self.traverse(&visit)
    }
}

/// Returns the error for a caller that needs another middleware.
fn not_a_wsgi_call(how: &str) -> PyErr {
    PyTypeError::new_err(format!(
        "this MoesifMiddleware is a WSGI application, but it was called {how}. FastAPI, Starlette and other ASGI \
         frameworks need an ASGI middleware (moesifasgi), which this version of moesif-rs does not have: remove \
         MoesifMiddleware from the application. A Django project uses moesifdjango.middleware.moesif_middleware in \
         MIDDLEWARE, which also works under ASGI"
    ))
}

/// Returns whether this is the request object of Starlette, which has a `scope`, or of Django, which has `META`.
fn is_request_object(environ: &Bound<'_, PyAny>) -> bool {
    let py = environ.py();
    let has = |name| environ.hasattr(name).unwrap_or(false);
    !environ.is_instance_of::<PyDict>() && (has(intern!(py, "scope")) || has(intern!(py, "META")))
}

/// Returns whether this is the scope of an ASGI connection, and not the `environ` of a WSGI request.
fn is_asgi_scope(environ: &Bound<'_, PyAny>) -> bool {
    environ.cast::<PyDict>().is_ok_and(|scope| {
        let has = |key| scope.contains(key).unwrap_or(false);
        has(intern!(environ.py(), "type")) && !has(intern!(environ.py(), "REQUEST_METHOD"))
    })
}

impl WsgiMiddleware {
    pub(super) fn configured(&self) -> PyResult<&Configured> {
        self.configured.get().ok_or_else(|| {
            PyRuntimeError::new_err("the middleware is not configured: call MoesifMiddleware.__init__ first")
        })
    }
}
