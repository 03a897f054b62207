//! The `start_response` that the application gets, and its `write`.

use std::sync::{Mutex, PoisonError};

use moesif::Exchange;
use pyo3::exceptions::PyTypeError;
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyString, PyTuple};

use super::call::Call;
use crate::convert::{native, with_text};
use crate::gc::{Traverse, traverse};
use crate::guard::{guarded, raising};
use crate::interruption::if_possible;
use crate::once::intern;
use crate::python;
use crate::request::Record;

const TRANSACTION_ID: &str = moesif_wire::header::TRANSACTION_ID;

/// Stands in for the server's `start_response`. Passes everything on, with the transaction id and the headers
/// of governance rules added to a copy of the list.
#[pyclass(frozen, module = "moesif._native")]
pub(super) struct StartResponse {
    inner: Py<PyAny>,
    record: Record,
    environ: Py<PyDict>,
    chunks: Py<PyList>,
    /// Headers that governance rules set on the response. Names are unique.
    rule_headers: Vec<(String, String)>,
    pid_header: bool,
    /// The server's `write`, once it has been returned.
    write: Mutex<Option<Py<PyAny>>>,
}

traverse!(StartResponse { inner, environ, chunks, write });

impl StartResponse {
    pub(super) fn new(
        call: &Call,
        pid_header: bool,
        rule_headers: Vec<(String, String)>,
        inner: &Bound<'_, PyAny>,
    ) -> Self {
        let py = inner.py();
        Self {
            inner: inner.clone().unbind(),
            record: call.record.clone(),
            environ: call.environ.clone_ref(py),
            chunks: call.chunks.clone_ref(py),
            rule_headers,
            pid_header,
            write: Mutex::new(None),
        }
    }

    /// Makes what is needed to call the server and to record the head.
    fn prepare<'py>(
        &self,
        status: &Bound<'py, PyAny>,
        headers: &Bound<'py, PyAny>,
        exc_info: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Prepared<'py>> {
        let py = status.py();
        let Some(sent) = copy_of(headers) else {
            return Ok(Prepared { arguments: arguments(status, headers, exc_info)?, recorded: None });
        };
        self.extend(py, &sent)?;
        let arguments = arguments(status, &sent, exc_info)?;
        Ok(Prepared { arguments, recorded: Some((sent, PyDict::new(py))) })
    }

    /// Adds our headers to a copy of the application's.
    fn extend<'py>(&self, py: Python<'py>, headers: &Bound<'py, PyList>) -> PyResult<()> {
        if !self.rule_headers.is_empty() {
            self.set_rule_headers(headers)?;
        }
        if !headers.iter().any(|field| is_named(&field, TRANSACTION_ID)) {
            let id = self.record.update(|exchange| exchange.response_transaction_id().map(str::to_owned));
            if let Some(id) = id.flatten() {
                headers.append((intern!(py, TRANSACTION_ID), id))?;
            }
        }
        if self.pid_header {
            headers.append((intern!(py, "X-Moesif-Wsgi-Pid"), std::process::id().to_string()))?;
        }
        Ok(())
    }

    /// Sets the headers of rules. Each replaces those of the application with its name, but cookies are
    /// added.
    fn set_rule_headers(&self, headers: &Bound<'_, PyList>) -> PyResult<()> {
        for index in (0..headers.len()).rev() {
            let field = headers.get_item(index)?;
            let is_replaced = |(name, _): &(String, String)| {
                is_named(&field, name) && !name.eq_ignore_ascii_case("Set-Cookie")
            };
            if self.rule_headers.iter().any(is_replaced) {
                headers.del_item(index)?;
            }
        }
        for (name, value) in &self.rule_headers {
            headers.append((name, native(value)))?;
        }
        Ok(())
    }

    /// Records the head that the server has accepted, and puts its headers where functions look for them, in
    /// `mapped`.
    fn record_head(
        &self,
        status: &Bound<'_, PyAny>,
        headers: &Bound<'_, PyList>,
        mapped: &Bound<'_, PyDict>,
    ) {
        let py = status.py();
        let mut fields: Vec<(Bound<'_, PyString>, Bound<'_, PyString>)> = Vec::new();
        if fields.try_reserve_exact(headers.len()).is_err() {
            self.record.update(Exchange::lack_memory);
            return;
        }
        fields.extend(headers.iter().filter_map(|field| field.extract().ok()));
        for (name, value) in &fields {
            drop(add_to_mapping(mapped, name, value));
        }
        let code = with_text(status, |status| status.split_ascii_whitespace().next()?.parse().ok()).flatten();
        self.record.update(|exchange| {
            exchange.clear_response_head();
            for (name, value) in &fields {
                with_text(name, |name| with_text(value, |value| exchange.add_response_header(name, value)));
            }
            if let Some(code) = code {
                exchange.set_status(code);
            }
        });
        drop(self.environ.bind(py).set_item(intern!(py, "moesif.response_headers"), mapped));
    }
}

/// What is passed to the server.
struct Prepared<'py> {
    arguments: Bound<'py, PyTuple>,
    /// The headers with ours, and an empty dictionary for those that functions see. `None` if what the
    /// application gave are no headers.
    recorded: Option<(Bound<'py, PyList>, Bound<'py, PyDict>)>,
}

/// Returns the arguments of the server's `start_response`.
fn arguments<'py>(
    status: &Bound<'py, PyAny>,
    headers: &Bound<'py, PyAny>,
    exc_info: Option<&Bound<'py, PyAny>>,
) -> PyResult<Bound<'py, PyTuple>> {
    match exc_info {
        None => PyTuple::new(status.py(), [status, headers]),
        Some(exc_info) => PyTuple::new(status.py(), [status, headers, exc_info]),
    }
}

/// Whether a header has this name, in any case.
fn is_named(field: &Bound<'_, PyAny>, name: &str) -> bool {
    field.cast::<PyTuple>().is_ok_and(|field| {
        field
            .get_item(0)
            .is_ok_and(|found| with_text(&found, |found| found.eq_ignore_ascii_case(name)).unwrap_or(false))
    })
}

/// Returns a copy of the headers. `None` if they are not a sequence of headers: the server then refuses them
/// itself.
fn copy_of<'py>(headers: &Bound<'py, PyAny>) -> Option<Bound<'py, PyList>> {
    if let Ok(list) = headers.cast::<PyList>() {
        return Some(list.get_slice(0, list.len()));
    }
    if headers.cast::<PyString>().is_ok() {
        return None;
    }
    python::list(headers).ok()
}

/// Adds a header to the mapping that functions see. Joins repeated headers, as the event does.
fn add_to_mapping(
    mapped: &Bound<'_, PyDict>,
    name: &Bound<'_, PyString>,
    value: &Bound<'_, PyString>,
) -> PyResult<()> {
    match mapped.get_item(name)? {
        None => mapped.set_item(name, value),
        Some(before) => {
            let joined = before.add(intern!(mapped.py(), ", "))?.add(value)?;
            mapped.set_item(name, joined)
        }
    }
}

#[pymethods]
impl StartResponse {
    #[pyo3(signature = (status, headers, exc_info=None))]
    fn __call__<'py>(
        slf: &Bound<'py, Self>,
        status: &Bound<'py, PyAny>,
        headers: &Bound<'py, PyAny>,
        exc_info: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let py = slf.py();
        let this = slf.get();
        let inner = this.inner.bind(py);
        let prepared = raising(|| this.prepare(status, headers, exc_info));
        // Without memory for a copy, the server gets the application's list, and the call is not recorded.
        let Some(prepared) = if_possible(py, prepared)? else {
            this.record.update(Exchange::lack_memory);
            return python::call(inner, &raising(|| arguments(status, headers, exc_info))?, None);
        };
        let write = python::call(inner, &prepared.arguments, None)?;
        if let Some((sent, mapped)) = &prepared.recorded {
            let recorded = guarded(|| this.record_head(status, sent, mapped));
            if recorded.is_none() {
                this.record.update(Exchange::lack_memory);
            }
        }
        if write.is_none() {
            return Ok(write);
        }
        let Ok(ours) = slf.getattr(intern!(py, "write")) else {
            return Ok(write);
        };
        let before = this.write.lock().unwrap_or_else(PoisonError::into_inner).replace(write.unbind());
        drop(before);
        Ok(ours)
    }

    /// Calls the server's `write` and records the data.
    fn write<'py>(&self, py: Python<'py>, data: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let write = self
            .write
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .as_ref()
            .map(|write| write.clone_ref(py));
        let write = write.ok_or_else(|| PyTypeError::new_err("write is called before start_response"))?;
        let arguments = raising(|| PyTuple::new(py, [data]))?;
        let result = python::call(write.bind(py), &arguments, None)?;
        self.record.response_chunk(data, self.chunks.bind(py));
        Ok(result)
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        self.traverse(&visit)
    }
}
