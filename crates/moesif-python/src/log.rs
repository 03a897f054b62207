//! Messages to the application's own logging, on the application's own threads.
//!
//! Loggers are `moesif.settings`, `moesif.callbacks`, `moesif.delivery` and `moesif.governance`; the facade has `moesif.client` and
//! `moesif`. The root logger, its
//! handlers and levels are never touched (`docs/guarantees.md`, I-17). Logging that fails is nobody's problem: the message is gone.

use moesif::pipeline::{Severity, Topic, drain_diagnostics};
use pyo3::prelude::*;
use pyo3::types::PyDict;

/// The logger of what keeps governance rules from being applied.
pub(crate) const GOVERNANCE: &str = "moesif.governance";

/// Logs a warning, with the traceback of `cause` where there is one.
pub(crate) fn warn(py: Python<'_>, logger: &str, message: &str, cause: Option<&PyErr>) {
    log(py, logger, "warning", message, cause);
}

fn log(py: Python<'_>, logger: &str, level: &str, message: &str, cause: Option<&PyErr>) {
    let attempt = || -> PyResult<()> {
        let logger = py.import("logging")?.call_method1("getLogger", (logger,))?;
        let extra = PyDict::new(py);
        if let Some(cause) = cause {
            extra.set_item("exc_info", cause.value(py))?;
        }
        // The message is an argument, so that a percent sign in it is a percent sign.
        logger.call_method(level, ("%s", message), Some(&extra))?;
        Ok(())
    };
    drop(attempt());
}

/// Logs what the worker threads had to say.
pub(crate) fn drain(py: Python<'_>) {
    for diagnostic in drain_diagnostics() {
        let level = match diagnostic.severity {
            Severity::Debug => "debug",
            Severity::Info => "info",
            Severity::Warning => "warning",
            Severity::Error => "error",
        };
        let logger = match diagnostic.topic {
            Topic::Delivery => "moesif.delivery",
            Topic::Governance => GOVERNANCE,
        };
        log(py, logger, level, &diagnostic.message, None);
    }
}

/// `DEBUG`: the `moesif` logger lets everything through, and writes to stderr if nobody else would.
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
