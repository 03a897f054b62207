//! Logs messages through Python's `logging`, on threads of the application.
//!
//! The loggers are `moesif.settings`, `moesif.callbacks`, `moesif.delivery` and `moesif.governance`. The
//! Python part has `moesif.client`, `moesif.outgoing`, `moesif.django` and `moesif`. The root logger is never
//! changed, nor are its handlers and levels (`docs/guarantees.md`, I-17). If logging fails, the message is
//! lost.

use moesif::diagnostics::{Severity, Topic, drain_diagnostics};
use pyo3::exceptions::PyBaseException;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};

use crate::guard::guarded;
use crate::once::intern;
use crate::python;

/// Logger of messages about governance rules.
pub(crate) const GOVERNANCE: &str = "moesif.governance";

/// Logs a warning, with the traceback of `cause`.
pub(crate) fn warn(py: Python<'_>, logger: &str, message: &str, cause: Option<&PyErr>) {
    log(py, logger, "warning", message, cause);
}

fn log(py: Python<'_>, logger: &str, level: &str, message: &str, cause: Option<&PyErr>) {
    let attempt = || -> PyResult<()> {
        let logging = python::import(intern!(py, "logging"))?;
        let name = (logger,).into_pyobject(py)?;
        let logger = python::call_method(&logging, intern!(py, "getLogger"), &name)?;
        let extra = PyDict::new(py);
        if let Some(cause) = cause {
            drop(end_chain(cause.value(py)));
            // Before Python 3.12 the value does not have the traceback, so pass all three parts.
            let traceback = cause.traceback(py);
            extra.set_item("exc_info", (cause.get_type(py), cause.value(py), traceback))?;
        }
        let method = logger.getattr(level)?;
        // The message is an argument, because it may have percent signs.
        let arguments = ("%s", message).into_pyobject(py)?;
        python::call(&method, &arguments, Some(&extra)).map(drop)
    };
    drop(guarded(attempt));
}

/// Ends the chain of contexts of an exception where the exception begins that is being handled now. Python
/// has linked the two because a function was called meanwhile, for example while a call of `requests` fails.
/// The log would show the tracebacks of both.
fn end_chain(exception: &Bound<'_, PyBaseException>) -> PyResult<()> {
    const MAX_CONTEXTS: usize = 100;
    let py = exception.py();
    let sys = python::import(intern!(py, "sys"))?;
    let handled = python::call_method(&sys, intern!(py, "exc_info"), &PyTuple::empty(py))?;
    let handled = handled.cast::<PyTuple>()?.get_item(1)?;
    let mut exception = exception.clone().into_any();
    for _ in 0..MAX_CONTEXTS {
        let context = python::attribute(&exception, intern!(py, "__context__"))?;
        if context.is_none() {
            break;
        }
        if context.is(&handled) {
            return python::set_attribute(&exception, intern!(py, "__context__"), &py.None().into_bound(py));
        }
        exception = context;
    }
    Ok(())
}

/// Logs the messages of native threads.
pub(crate) fn drain(py: Python<'_>) {
    for diagnostic in drain_diagnostics() {
        let level = match diagnostic.severity {
            Severity::Debug => "debug",
            Severity::Info => "info",
            Severity::Warning => "warning",
            Severity::Error => "error",
        };
        let logger = match diagnostic.topic {
            Topic::Settings => "moesif.settings",
            Topic::Delivery => "moesif.delivery",
            Topic::Governance => GOVERNANCE,
        };
        log(py, logger, level, &diagnostic.message, None);
    }
}

/// Sets the `moesif` logger to DEBUG. Adds a handler for stderr if there is no handler.
#[expect(clippy::disallowed_methods, reason = "a middleware is being made: nothing is being served")]
pub(crate) fn enable_debug(py: Python<'_>) -> PyResult<()> {
    let logging = py.import("logging")?;
    let logger = logging.call_method1("getLogger", ("moesif",))?;
    logger.call_method1("setLevel", (logging.getattr("DEBUG")?,))?;
    if !logger.call_method0("hasHandlers")?.is_truthy()? {
        let handler = logging.getattr("StreamHandler")?.call0()?;
        let format =
            logging.getattr("Formatter")?.call1(("%(asctime)s %(name)s %(levelname)s %(message)s",))?;
        handler.call_method1("setFormatter", (format,))?;
        logger.call_method1("addHandler", (handler,))?;
    }
    Ok(())
}
