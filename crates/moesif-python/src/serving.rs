//! Which call is being served: what the calls that the application makes meanwhile are linked to.
//!
//! It stands in a context variable of `moesif.serving`, so that threads, tasks and greenlets are told apart, as long as there is
//! anybody to look at it.

use std::sync::atomic::{AtomicBool, Ordering};

use moesif::Client;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyTuple;

use crate::python;
use crate::record::Record;

/// Whether outgoing calls are captured in this process.
static IS_LOOKED_AT: AtomicBool = AtomicBool::new(false);
static VARIABLE: PyOnceLock<Py<PyAny>> = PyOnceLock::new();

/// Says whether outgoing calls are captured from now on.
#[pyfunction]
pub(crate) fn link_outgoing_calls(are_captured: bool) {
    IS_LOOKED_AT.store(are_captured, Ordering::Relaxed);
}

/// The span in which a call is being served, on one thread.
pub(crate) struct Serving<'py>(Option<(Bound<'py, PyAny>, Bound<'py, PyAny>)>);

impl<'py> Serving<'py> {
    /// From here on it is.
    pub(crate) fn enter(py: Python<'py>, client: &Client, record: &Record) -> Self {
        if !IS_LOOKED_AT.load(Ordering::Relaxed) {
            return Self(None);
        }
        Self(enter(py, client, record).ok().flatten())
    }

    /// What resets the variable, for whom it is to be handed on to.
    pub(crate) fn token(self) -> Option<Bound<'py, PyAny>> {
        self.0.map(|(_, token)| token)
    }

    /// Until here.
    pub(crate) fn leave(self) {
        if let Some((variable, token)) = self.0 {
            let py = variable.py();
            // In another context than it was entered in, the variable has nothing to be reset.
            let arguments = PyTuple::new(py, [token]);
            drop(arguments.and_then(|token| python::call_method(&variable, intern!(py, "reset"), &token)));
        }
    }
}

/// Sets the variable. Returns it with the token that resets it.
fn enter<'py>(
    py: Python<'py>,
    client: &Client,
    record: &Record,
) -> PyResult<Option<(Bound<'py, PyAny>, Bound<'py, PyAny>)>> {
    let Some(id) = record.update(|exchange| exchange.transaction_id().to_owned()) else {
        return Ok(None);
    };
    let variable = VARIABLE.get_or_try_init(py, || {
        let module = python::import(intern!(py, "moesif.serving"))?;
        python::attribute(&module, intern!(py, "SERVING")).map(Bound::unbind)
    })?;
    let variable = variable.bind(py).clone();
    let value = (id, client.destination()).into_pyobject(py)?;
    let token = python::call_method(&variable, intern!(py, "set"), &PyTuple::new(py, [value])?)?;
    Ok(Some((variable, token)))
}
