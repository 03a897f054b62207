//! One request, shared by the objects that stand in for the server's.

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};

use super::finish;
use super::middleware::WsgiMiddleware;
use crate::gc::traverse;
use crate::once::intern;
use crate::request::head::RequestHead;
use crate::request::{Record, Served, Serving};

pub(super) struct Call {
    pub(super) middleware: Py<WsgiMiddleware>,
    pub(super) record: Record,
    pub(super) served: Served,
    pub(super) environ: Py<PyDict>,
    /// `environ['moesif.response_body_chunks']`
    pub(super) chunks: Py<PyList>,
    pub(super) head: RequestHead,
}

traverse!(Call { middleware, environ, chunks });

impl Call {
    /// Ends the record: calls the application's functions and hands it over, once.
    ///
    /// Raises only what belongs to the host, met in one of the functions.
    pub(super) fn finish(&self, py: Python<'_>) -> PyResult<()> {
        let Some(exchange) = self.record.take() else {
            return Ok(());
        };
        let configured = self.middleware.get().configured()?;
        finish::finish(exchange, configured, self.environ.bind(py))
    }

    /// Starts a span in which this call is being served.
    pub(super) fn serving<'py>(&self, py: Python<'py>) -> PyResult<Serving<'py>> {
        Ok(self.served.enter(py, &self.middleware.get().configured()?.client, &self.record))
    }
}

/// Returns the exception to raise after the application raised `error` and the record was ended: `error`, or
/// an exit that a function raised meanwhile, with `error` as its context, as from a `finally` block.
pub(super) fn with_exit(py: Python<'_>, error: PyErr, ended: PyResult<()>) -> PyErr {
    match ended {
        Ok(()) => error,
        Err(exit) => {
            drop(exit.value(py).setattr(intern!(py, "__context__"), error.value(py)));
            exit
        }
    }
}
