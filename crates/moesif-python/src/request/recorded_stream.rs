//! A stream that records what is read from it.

use std::sync::atomic::{AtomicU64, Ordering};

use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyCFunction, PyDict, PyIterator, PyMemoryView, PySlice, PyString, PyTuple};

use super::Record;
use crate::gc::{Traverse, traverse};
use crate::guard::raising;
use crate::interruption::if_possible;
use crate::once::intern;
use crate::python;

/// Stands in for a stream that a request body is read from: passes everything on and records what is read.
#[pyclass(frozen, subclass, module = "moesif._native")]
pub(crate) struct RecordedStream {
    inner: Py<PyAny>,
    record: Record,
    /// Position in the body of the next byte that is read.
    position: AtomicU64,
}

traverse!(RecordedStream { inner });

impl RecordedStream {
    /// Wraps a stream.
    pub(crate) fn wrap<'py>(stream: Bound<'py, PyAny>, record: &Record) -> PyResult<Bound<'py, PyAny>> {
        let py = stream.py();
        Ok(Bound::new(py, Self::new(stream, record))?.into_any())
    }

    /// Wraps a stream that will be closed. [`RecordedStream::wrap`] would do, but each forwarded attribute
    /// costs more.
    pub(crate) fn wrap_closable<'py>(
        stream: Bound<'py, PyAny>,
        record: &Record,
    ) -> PyResult<Bound<'py, PyAny>> {
        let py = stream.py();
        if python::optional_attribute(&stream, intern!(py, "close"))?.is_none() {
            return Self::wrap(stream, record);
        }
        let closable = PyClassInitializer::from(Self::new(stream, record)).add_subclass(ClosableStream);
        Ok(Bound::new(py, closable)?.into_any())
    }

    fn new(stream: Bound<'_, PyAny>, record: &Record) -> Self {
        Self { inner: stream.unbind(), record: record.clone(), position: AtomicU64::new(0) }
    }

    fn record(&self, data: &Bound<'_, PyAny>) {
        if let Ok(data) = data.cast::<PyBytes>() {
            let data = data.as_bytes();
            let offset = self.position.fetch_add(wide(data.len()), Ordering::Relaxed);
            self.record.update(|exchange| exchange.record_request_body(offset, data));
        }
    }

    /// Calls a method of the stream that returns what it read.
    fn forward<'py>(
        &self,
        name: &Bound<'py, PyString>,
        arguments: &Bound<'py, PyTuple>,
        keywords: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let method = python::attribute(self.inner.bind(name.py()), name)?;
        let data = python::call(&method, arguments, keywords)?;
        self.record(&data);
        Ok(data)
    }

    /// Calls a method of the stream that reads into a buffer and returns how much.
    fn read_into<'py>(
        &self,
        name: &Bound<'py, PyString>,
        arguments: &Bound<'py, PyTuple>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let py = name.py();
        let count = python::call_method(self.inner.bind(py), name, arguments)?;
        if let Ok(length) = count.extract::<isize>() {
            // The application's read has succeeded: what fails here costs the rest of the record.
            let filled = raising(|| filled(&arguments.get_item(0)?, length));
            match if_possible(py, filled)? {
                Some(filled) => self.record(&filled),
                None => self.lose_position(),
            }
        }
        Ok(count)
    }

    /// Ends the recording: the position of what is read next is not known.
    fn lose_position(&self) {
        self.record.update(moesif::Exchange::mark_request_body_incomplete);
    }

    /// Seeks in the stream. If the stream does not know its position, recording ends here.
    fn seek<'py>(&self, arguments: &Bound<'py, PyTuple>) -> PyResult<Bound<'py, PyAny>> {
        let py = arguments.py();
        let inner = self.inner.bind(py);
        let tell = || {
            let position = python::call_method(inner, intern!(py, "tell"), &PyTuple::empty(py)).ok()?;
            position.extract::<i64>().ok()
        };
        let before = tell();
        let result = python::call_method(inner, intern!(py, "seek"), arguments)?;
        match (before, tell()) {
            (Some(before), Some(after)) => {
                let position = self.position.load(Ordering::Relaxed).saturating_add_signed(after - before);
                self.position.store(position, Ordering::Relaxed);
            }
            _ => self.lose_position(),
        }
        Ok(result)
    }
}

#[pymethods]
impl RecordedStream {
    #[pyo3(signature = (*arguments, **keywords))]
    fn read<'py>(
        &self,
        arguments: &Bound<'py, PyTuple>,
        keywords: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        self.forward(intern!(arguments.py(), "read"), arguments, keywords)
    }

    #[pyo3(signature = (*arguments, **keywords))]
    fn readline<'py>(
        &self,
        arguments: &Bound<'py, PyTuple>,
        keywords: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        self.forward(intern!(arguments.py(), "readline"), arguments, keywords)
    }

    #[pyo3(signature = (*arguments, **keywords))]
    fn readlines<'py>(
        &self,
        arguments: &Bound<'py, PyTuple>,
        keywords: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let py = arguments.py();
        let readlines = python::attribute(self.inner.bind(py), intern!(py, "readlines"))?;
        let lines = python::call(&readlines, arguments, keywords)?;
        let mut iterator = python::iterate(&lines)?;
        while let Some(line) = python::next(&mut iterator)? {
            self.record(&line);
        }
        Ok(lines)
    }

    fn __iter__(slf: &Bound<'_, Self>) -> PyResult<RecordedLines> {
        let lines = python::iterate(slf.get().inner.bind(slf.py()))?.unbind();
        Ok(RecordedLines { lines, input: slf.clone().unbind() })
    }

    fn __next__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.forward(intern!(py, "__next__"), &PyTuple::empty(py), None)
    }

    fn __enter__<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, Self>> {
        let py = slf.py();
        python::call_method(slf.get().inner.bind(py), intern!(py, "__enter__"), &PyTuple::empty(py))?;
        Ok(slf.clone())
    }

    #[pyo3(signature = (*arguments))]
    fn __exit__<'py>(&self, arguments: &Bound<'py, PyTuple>) -> PyResult<Bound<'py, PyAny>> {
        let py = arguments.py();
        python::call_method(self.inner.bind(py), intern!(py, "__exit__"), arguments)
    }

    /// Every other attribute is that of the stream. Methods that read or seek are recorded too.
    fn __getattr__<'py>(slf: &Bound<'py, Self>, name: &Bound<'py, PyString>) -> PyResult<Bound<'py, PyAny>> {
        let inner = python::attribute(slf.get().inner.bind(slf.py()), name)?;
        let kind = name.to_string_lossy();
        if !matches!(&*kind, "read1" | "readall" | "readinto" | "readinto1" | "seek") {
            return Ok(inner);
        }
        let (this, name, kind) = (slf.clone().unbind(), name.clone().unbind(), kind.into_owned());
        let method = move |arguments: &Bound<'_, PyTuple>, keywords: Option<&Bound<'_, PyDict>>| {
            let py = arguments.py();
            let (this, name) = (this.get(), name.bind(py));
            match &*kind {
                "seek" => this.seek(arguments).map(Bound::unbind),
                "readinto" | "readinto1" => this.read_into(name, arguments).map(Bound::unbind),
                _ => this.forward(name, arguments, keywords).map(Bound::unbind),
            }
        };
        Ok(PyCFunction::new_closure(slf.py(), None, None, method)?.into_any())
    }

    fn __setattr__(&self, name: &Bound<'_, PyString>, value: &Bound<'_, PyAny>) -> PyResult<()> {
        self.inner.bind(name.py()).setattr(name, value)
    }

    /// A copy is a copy of the stream itself: what is read from the copy is not recorded.
    fn __reduce__<'py>(&self, py: Python<'py>) -> PyResult<(Bound<'py, PyAny>, (Py<PyAny>,))> {
        Ok((
            python::attribute(&python::import(intern!(py, "copy"))?, intern!(py, "copy"))?,
            (self.inner.clone_ref(py),),
        ))
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        self.traverse(&visit)
    }
}

/// A [`RecordedStream`] with `close`.
#[pyclass(frozen, extends = RecordedStream, module = "moesif._native")]
struct ClosableStream;

#[pymethods]
impl ClosableStream {
    fn close<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        let py = slf.py();
        let inner = slf.as_super().get().inner.bind(py);
        python::call_method(inner, intern!(py, "close"), &PyTuple::empty(py))
    }
}

/// Iterator over the lines of a stream. Records each line as it is taken.
#[pyclass(frozen, module = "moesif._native")]
struct RecordedLines {
    lines: Py<PyIterator>,
    input: Py<RecordedStream>,
}

traverse!(RecordedLines { lines, input });

#[pymethods]
impl RecordedLines {
    fn __iter__<'py>(slf: &Bound<'py, Self>) -> Bound<'py, Self> {
        slf.clone()
    }

    fn __next__<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        let mut lines = self.lines.clone_ref(py).into_bound(py);
        let line = python::next(&mut lines)?;
        if let Some(line) = &line {
            self.input.get().record(line);
        }
        Ok(line)
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        self.traverse(&visit)
    }
}

/// Returns the first `length` bytes of a buffer.
fn filled<'py>(buffer: &Bound<'py, PyAny>, length: isize) -> PyResult<Bound<'py, PyAny>> {
    let py = buffer.py();
    let view = PyMemoryView::from(buffer)?;
    let view = python::call_method(&view, intern!(py, "cast"), &PyTuple::new(py, ["B"])?)?;
    let filled = view.get_item(PySlice::new(py, 0, length, 1))?;
    python::call_method(&filled, intern!(py, "tobytes"), &PyTuple::empty(py))
}

/// The length of a slice, as a position in a body.
pub(super) fn wide(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}
