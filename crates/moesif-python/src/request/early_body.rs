//! The request body, for functions that are called before the application.

use std::sync::OnceLock;

use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyIterator, PyString};

use super::{ReadAhead, Record, bytes_io};
use crate::gc::{Traverse, traverse};
use crate::python;

/// Gives each function the body from its start, and the application all of it afterwards, whatever they have
/// read. Functions get an empty body if it may not be read before the application asks for it.
pub(crate) struct EarlyBody {
    /// What the application reads from if no function reads.
    input: Py<PyAny>,
    source: Source,
}

enum Source {
    /// The body must not be read before the application asks for it.
    Unavailable,
    /// The body is read when a function asks for it.
    Lazy(Py<LazyStream>),
    /// The body has been read.
    Known(ReadAhead),
}

impl EarlyBody {
    /// `input` is the stream that has the body, `known` what has been read of it, `length` how much may be
    /// read.
    pub(crate) fn new(
        input: &Bound<'_, PyAny>,
        record: &Record,
        known: Option<ReadAhead>,
        length: Option<u64>,
    ) -> PyResult<Self> {
        let source = match (known, length) {
            (Some(known), _) => Source::Known(known),
            (None, Some(length)) => {
                let lazy = LazyStream {
                    input: input.clone().unbind(),
                    record: record.clone(),
                    length,
                    opened: OnceLock::new(),
                };
                Source::Lazy(Py::new(input.py(), lazy)?)
            }
            (None, None) => Source::Unavailable,
        };
        Ok(Self { input: input.clone().unbind(), source })
    }

    /// Returns the stream for the next function.
    pub(crate) fn for_function<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        match (&self.source, self.read()) {
            (_, Some(read)) => read.stream(py),
            (Source::Lazy(lazy), None) => Ok(lazy.bind(py).clone().into_any()),
            _ => bytes_io(&PyBytes::new(py, b"")),
        }
    }

    /// Returns the stream for the application.
    pub(crate) fn for_application<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.read().map_or_else(|| Ok(self.input.bind(py).clone()), |read| read.stream(py))
    }

    fn read(&self) -> Option<&ReadAhead> {
        match &self.source {
            Source::Unavailable => None,
            Source::Lazy(lazy) => lazy.get().opened.get().map(|opened| &opened.read),
            Source::Known(read) => Some(read),
        }
    }
}

/// A body that is read ahead when its first attribute is used.
#[pyclass(frozen, module = "moesif._native")]
struct LazyStream {
    input: Py<PyAny>,
    record: Record,
    /// Announced length in bytes.
    length: u64,
    opened: OnceLock<Opened>,
}

/// What was read, and the stream over it.
struct Opened {
    read: ReadAhead,
    stream: Py<PyAny>,
}

traverse!(LazyStream { input, opened });
traverse!(Opened { read, stream });

#[pymethods]
impl LazyStream {
    fn __getattr__<'py>(&self, name: &Bound<'py, PyString>) -> PyResult<Bound<'py, PyAny>> {
        python::attribute(&self.stream(name.py())?, name)
    }

    fn __iter__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyIterator>> {
        python::iterate(&self.stream(py)?)
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        self.traverse(&visit)
    }
}

impl LazyStream {
    fn stream<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let opened = if let Some(opened) = self.opened.get() {
            opened
        } else {
            let read = ReadAhead::read(self.input.bind(py), &self.record, self.length)?;
            let stream = read.stream(py)?.unbind();
            self.opened.get_or_init(|| Opened { read, stream })
        };
        Ok(opened.stream.bind(py).clone())
    }
}
