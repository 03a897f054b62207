//! Links outgoing calls to the call that the application is serving.
//!
//! The call being served is in a context variable of `moesif.serving`, so threads, tasks and greenlets do not
//! mix. The variable is set only while outgoing calls are captured. A context is copied into what is started
//! meanwhile, and the copy may outlive the call, so [`ServedCall`] says whether it has ended.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use moesif::Client;
use pyo3::prelude::*;
use pyo3::types::{PyString, PyTuple};

use super::Record;
use crate::guard::guarded;
use crate::once::{OnceCell, intern};
use crate::python;

/// Whether outgoing calls are captured in this process.
static IS_LINKED: AtomicBool = AtomicBool::new(false);
static SET: OnceCell<Py<PyAny>> = OnceCell::new();
static RESET: OnceCell<Py<PyAny>> = OnceCell::new();

/// Says whether outgoing calls are captured from now on.
#[pyfunction]
pub(crate) fn link_outgoing_calls(are_captured: bool) {
    IS_LINKED.store(are_captured, Ordering::Relaxed);
}

/// Where events are sent, and for which application. Can be the key of a dictionary.
#[pyclass(frozen, eq, hash, get_all, module = "moesif._native")]
#[derive(Clone, PartialEq, Eq, Hash)]
pub(crate) struct Destination {
    base_uri: String,
    application_id: String,
}

impl Destination {
    pub(crate) fn of(client: &Client) -> Self {
        Self { base_uri: client.base_uri().to_owned(), application_id: client.application_id().to_owned() }
    }
}

/// A call that the application is serving, as outgoing calls see it.
#[pyclass(frozen, module = "moesif._native")]
pub(crate) struct ServedCall {
    transaction_id: String,
    destination: Destination,
    has_ended: AtomicBool,
}

#[pymethods]
impl ServedCall {
    /// The transaction id of its event.
    #[getter]
    fn transaction_id(&self) -> &str {
        &self.transaction_id
    }

    /// The destination of its event.
    #[getter]
    fn destination(&self) -> Destination {
        self.destination.clone()
    }

    /// Whether the application no longer serves it.
    #[getter]
    fn has_ended(&self) -> bool {
        self.has_ended.load(Ordering::Relaxed)
    }
}

/// The [`ServedCall`] of a call, made when the call is first entered. Dropping this ends it.
#[derive(Default)]
pub(crate) struct Served(OnceLock<Entry>);

struct Entry {
    call: Py<ServedCall>,
    /// Arguments that set the variable: the call alone.
    arguments: Py<PyTuple>,
}

impl Served {
    /// Starts a span on this thread in which the call is being served.
    pub(crate) fn enter<'py>(&self, py: Python<'py>, client: &Client, record: &Record) -> Serving<'py> {
        if !IS_LINKED.load(Ordering::Relaxed) {
            return Serving(None);
        }
        Serving(guarded(|| self.set(py, client, record).ok().flatten()).flatten())
    }

    /// Ends the call on every thread.
    pub(crate) fn end(&self) {
        if let Some(entry) = self.0.get() {
            entry.call.get().has_ended.store(true, Ordering::Relaxed);
        }
    }

    /// Sets the variable. Returns the token that resets it, or `None` if the record has been handed over
    /// before.
    fn set<'py>(
        &self,
        py: Python<'py>,
        client: &Client,
        record: &Record,
    ) -> PyResult<Option<Bound<'py, PyAny>>> {
        if self.0.get().is_none() {
            let Some(id) = record.update(|exchange| exchange.transaction_id().to_owned()) else {
                return Ok(None);
            };
            // If two threads enter at once, the first entry is used by both.
            let _ = self.0.set(Entry::new(py, id, client)?);
        }
        let Some(entry) = self.0.get() else {
            return Ok(None);
        };
        let set = method(py, &SET, "set")?;
        python::call(set, entry.arguments.bind(py), None).map(Some)
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.end();
    }
}

impl Entry {
    fn new(py: Python<'_>, transaction_id: String, client: &Client) -> PyResult<Self> {
        let destination = Destination::of(client);
        let call =
            Bound::new(py, ServedCall { transaction_id, destination, has_ended: AtomicBool::new(false) })?;
        let arguments = PyTuple::new(py, [&call])?;
        Ok(Self { call: call.unbind(), arguments: arguments.unbind() })
    }
}

/// A span in which a call is being served, on one thread. Holds the token that resets the variable.
pub(crate) struct Serving<'py>(Option<Bound<'py, PyAny>>);

impl<'py> Serving<'py> {
    /// Returns the token, for a caller that resets the variable itself.
    pub(crate) fn token(self) -> Option<Bound<'py, PyAny>> {
        self.0
    }

    /// Ends the span.
    pub(crate) fn leave(self) {
        if let Some(token) = self.0 {
            let py = token.py();
            // Fails in another context than the one it was set in. There is nothing to reset there.
            let reset = || python::call(method(py, &RESET, "reset")?, &PyTuple::new(py, [token])?, None);
            drop(guarded(reset));
        }
    }
}

/// Returns a method of the variable, looked up once.
fn method<'py>(
    py: Python<'py>,
    known: &'static OnceCell<Py<PyAny>>,
    name: &str,
) -> PyResult<&'py Bound<'py, PyAny>> {
    let method = known.get_or_try_init(|| {
        let module = python::import(intern!(py, "moesif.serving"))?;
        let variable = python::attribute(&module, intern!(py, "SERVING"))?;
        python::attribute(&variable, &PyString::new(py, name)).map(Bound::unbind)
    })?;
    Ok(method.bind(py))
}
