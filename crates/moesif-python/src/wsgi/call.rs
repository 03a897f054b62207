//! One request, shared by the objects that stand in for the server's.

use moesif::Exchange;
use pyo3::exceptions::PyStopIteration;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};

use super::finish;
use super::middleware::WsgiMiddleware;
use crate::gc::traverse;
use crate::once::intern;
use crate::request::head::{RequestHead, Upgrade};
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
        let Some(mut exchange) = self.record.take() else {
            return Ok(());
        };
        let is_upgraded = match self.head.upgrade {
            Upgrade::NotRequested => false,
            Upgrade::Requested => exchange.status().is_none(),
            Upgrade::Done => true,
        };
        if is_upgraded {
            exchange.switch_protocols();
        }
        let configured = self.middleware.get().configured()?;
        finish::finish(exchange, configured, self.environ.bind(py))
    }

    /// Notes what the application raised: a failure, unless the server takes the exception as the end of a
    /// connection that the application has served itself.
    pub(super) fn raised(&self, py: Python<'_>, error: &PyErr) {
        // gunicorn closes the connection and sends nothing. simple-websocket and Flask-Sock raise this at the
        // end of a websocket.
        let is_end = error.is_instance_of::<PyStopIteration>(py)
            && self.environ.bind(py).contains(intern!(py, "gunicorn.socket")).unwrap_or(false);
        if !is_end {
            self.record.update(Exchange::fail);
        }
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
