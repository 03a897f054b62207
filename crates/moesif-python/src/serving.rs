//! Which call is being served: what the calls that the application makes meanwhile are linked to.
//!
//! It stands in a context variable of `moesif.serving`, so that threads, tasks and greenlets are told apart, as long as there is
//! anybody to look at it. A context is copied for what is started meanwhile, and the copy may outlive the call: so what stands
//! there says by itself when the call has ended.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use moesif::Client;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyString, PyTuple};

use crate::python;
use crate::record::Record;

/// Whether outgoing calls are captured in this process.
static IS_LOOKED_AT: AtomicBool = AtomicBool::new(false);
static SET: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
static RESET: PyOnceLock<Py<PyAny>> = PyOnceLock::new();

/// Says whether outgoing calls are captured from now on.
#[pyfunction]
pub(crate) fn link_outgoing_calls(are_captured: bool) {
    IS_LOOKED_AT.store(are_captured, Ordering::Relaxed);
}

/// A call that is being served, as those that are made meanwhile see it.
#[pyclass(frozen, module = "moesif._native")]
pub(crate) struct ServedCall {
    transaction_id: String,
    base_uri: String,
    application_id: String,
    has_ended: AtomicBool,
}

#[pymethods]
impl ServedCall {
    /// The transaction id of its event.
    #[getter]
    fn transaction_id(&self) -> &str {
        &self.transaction_id
    }

    /// Where its event goes, and in whose name: the base URI of the collector and the application id.
    #[getter]
    fn destination(&self) -> (&str, &str) {
        (&self.base_uri, &self.application_id)
    }

    /// Whether it is not being served any more.
    #[getter]
    fn has_ended(&self) -> bool {
        self.has_ended.load(Ordering::Relaxed)
    }
}

/// The same as its middleware holds it: made when the call is first entered, and ended when this is dropped at the latest.
#[derive(Default)]
pub(crate) struct Served(OnceLock<Entry>);

/// A call, and what the variable is set with: that call alone, as arguments.
struct Entry {
    call: Py<ServedCall>,
    arguments: Py<PyTuple>,
}

impl Served {
    /// From here on, on this thread, the call is being served.
    pub(crate) fn enter<'py>(&self, py: Python<'py>, client: &Client, record: &Record) -> Serving<'py> {
        if !IS_LOOKED_AT.load(Ordering::Relaxed) {
            return Serving(None);
        }
        Serving(self.set(py, client, record).ok().flatten())
    }

    /// It is not any more, anywhere.
    pub(crate) fn end(&self) {
        if let Some(entry) = self.0.get() {
            entry.call.get().has_ended.store(true, Ordering::Relaxed);
        }
    }

    /// Sets the variable. Returns the token that resets it; nothing for a call whose record is over before it is entered.
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
            // Where two threads enter it at once, one of their entries is let go.
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
        let (base_uri, application_id) = client.destination();
        let call = ServedCall {
            transaction_id,
            base_uri: base_uri.to_owned(),
            application_id: application_id.to_owned(),
            has_ended: AtomicBool::new(false),
        };
        let call = Bound::new(py, call)?;
        let arguments = PyTuple::new(py, [&call])?;
        Ok(Self { call: call.unbind(), arguments: arguments.unbind() })
    }
}

/// The span in which a call is being served, on one thread: the token that ends it.
pub(crate) struct Serving<'py>(Option<Bound<'py, PyAny>>);

impl<'py> Serving<'py> {
    /// What resets the variable, for whom it is to be handed on to.
    pub(crate) fn token(self) -> Option<Bound<'py, PyAny>> {
        self.0
    }

    /// Until here.
    pub(crate) fn leave(self) {
        if let Some(token) = self.0 {
            let py = token.py();
            // In another context than it was entered in, the variable has nothing to be reset.
            let arguments = PyTuple::new(py, [token]);
            drop(arguments.and_then(|token| python::call(method(py, &RESET, "reset")?, &token, None)));
        }
    }
}

/// A method of the variable.
fn method<'py>(
    py: Python<'py>,
    known: &'static PyOnceLock<Py<PyAny>>,
    name: &str,
) -> PyResult<&'py Bound<'py, PyAny>> {
    let method = known.get_or_try_init(py, || {
        let module = python::import(intern!(py, "moesif.serving"))?;
        let variable = python::attribute(&module, intern!(py, "SERVING"))?;
        python::attribute(&variable, &PyString::new(py, name)).map(Bound::unbind)
    })?;
    Ok(method.bind(py))
}
