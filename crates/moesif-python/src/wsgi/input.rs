//! `wsgi.input`, recorded as the application reads it.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use pyo3::exceptions::PyException;
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyCFunction, PyDict, PyIterator, PyMemoryView, PySlice, PyString, PyTuple};

use crate::python;
use crate::record::Record;

/// Puts a recording stream in place of `wsgi.input`. With `read_first`, that many bytes are read now, and what was read is
/// returned.
///
/// Raises only what is not an `Exception`, met while reading.
pub(super) fn record_input(
    environ: &Bound<'_, PyDict>,
    record: &Record,
    read_first: Option<u64>,
) -> PyResult<Option<ReadAhead>> {
    let py = environ.py();
    let key = intern!(py, "wsgi.input");
    let Ok(Some(stream)) = environ.get_item(key) else {
        return Ok(None);
    };
    let Some(length) = read_first else {
        return environ.set_item(key, recorded(stream, record)?).map(|()| None);
    };
    let read = read_ahead(&stream, record, length)?;
    environ.set_item(key, read.stream(py)?)?;
    Ok(Some(read))
}

/// A stream that records what is read from this one.
pub(crate) fn recorded<'py>(stream: Bound<'py, PyAny>, record: &Record) -> PyResult<Bound<'py, PyAny>> {
    let py = stream.py();
    Ok(Bound::new(py, RecordedInput::of(stream, record))?.into_any())
}

/// The same of a stream that is going to be closed. That its attributes are forwarded would be enough, but is slow.
pub(crate) fn recorded_closable<'py>(
    stream: Bound<'py, PyAny>,
    record: &Record,
) -> PyResult<Bound<'py, PyAny>> {
    let py = stream.py();
    if python::optional_attribute(&stream, intern!(py, "close"))?.is_none() {
        return recorded(stream, record);
    }
    let closable = PyClassInitializer::from(RecordedInput::of(stream, record)).add_subclass(ClosableInput);
    Ok(Bound::new(py, closable)?.into_any())
}

/// `io.BytesIO(bytes)`
pub(super) fn bytes_io<'py>(bytes: &Bound<'py, PyBytes>) -> PyResult<Bound<'py, PyAny>> {
    let py = bytes.py();
    let io = python::import(intern!(py, "io"))?;
    python::call_method(&io, intern!(py, "BytesIO"), &PyTuple::new(py, [bytes])?)
}

/// The announced body, read before the application asks for it.
pub(crate) struct ReadAhead {
    body: Py<PyBytes>,
    /// What was raised before its end.
    failure: Option<Py<PyAny>>,
}

impl ReadAhead {
    /// A stream that yields the body from its start, and then the failure.
    pub(crate) fn stream<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let replay = bytes_io(self.body.bind(py))?;
        match &self.failure {
            None => Ok(replay),
            Some(failure) => {
                let (replay, failure) = (replay.unbind(), failure.clone_ref(py));
                Ok(Bound::new(py, InterruptedInput { replay, failure })?.into_any())
            }
        }
    }
}

/// Reads the announced body. An `Exception` while reading is kept for the application to meet where it reads; anything else
/// is the host's, and is raised.
pub(crate) fn read_ahead(stream: &Bound<'_, PyAny>, record: &Record, length: u64) -> PyResult<ReadAhead> {
    let py = stream.py();
    let mut body = Vec::new();
    let mut remaining = length;
    let mut failure = None;
    while remaining > 0 {
        let read = python::call_method(stream, intern!(py, "read"), &(remaining,).into_pyobject(py)?);
        let chunk = read.and_then(|chunk| {
            // Some servers hand out a bytearray.
            match chunk.cast_into::<PyBytes>() {
                Ok(bytes) => Ok(bytes),
                Err(other) => {
                    let view = PyMemoryView::from(&other.into_inner())?;
                    let bytes = python::call_method(&view, intern!(py, "tobytes"), &PyTuple::empty(py))?;
                    Ok(bytes.cast_into::<PyBytes>()?)
                }
            }
        });
        match chunk {
            Ok(chunk) if chunk.as_bytes().is_empty() => break,
            Ok(chunk) => {
                body.extend_from_slice(chunk.as_bytes());
                remaining = remaining.saturating_sub(wide(chunk.as_bytes().len()));
            }
            Err(error) if error.is_instance_of::<PyException>(py) => {
                failure = Some(error.into_value(py).into_any());
                break;
            }
            Err(exit) => return Err(exit),
        }
    }
    record.update(|exchange| exchange.record_request_body(0, &body));
    Ok(ReadAhead { body: PyBytes::new(py, &body).unbind(), failure })
}

/// A request body while functions are asked before the application. Each of them finds it from its start, where it may be
/// read ahead, and an empty one where not; the application then gets all of it, whatever they have read.
pub(crate) struct Lending {
    /// What the application is to be given, if no function reads.
    input: Py<PyAny>,
    body: LentBody,
}

enum LentBody {
    /// It cannot be known before the application reads it.
    Withheld,
    /// It is read when a function does.
    Pending(Py<PendingInput>),
    Known(ReadAhead),
}

impl Lending {
    /// Lends the body behind `input`. `known` is what has been read already, `announced` the length of what may be read.
    pub(crate) fn new(
        input: &Bound<'_, PyAny>,
        record: &Record,
        known: Option<ReadAhead>,
        announced: Option<u64>,
    ) -> PyResult<Self> {
        let inner = input.clone().unbind();
        let body = match (known, announced) {
            (Some(known), _) => LentBody::Known(known),
            (None, Some(length)) => {
                let pending = PendingInput { inner, record: record.clone(), length, read: OnceLock::new() };
                LentBody::Pending(Py::new(input.py(), pending)?)
            }
            (None, None) => LentBody::Withheld,
        };
        Ok(Self { input: input.clone().unbind(), body })
    }

    /// What the next function reads from.
    pub(crate) fn lent<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        match (&self.body, self.read()) {
            (_, Some(read)) => read.stream(py),
            (LentBody::Pending(pending), None) => Ok(pending.bind(py).clone().into_any()),
            _ => bytes_io(&PyBytes::new(py, b"")),
        }
    }

    /// What the application reads from.
    pub(crate) fn given_back<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.read().map_or_else(|| Ok(self.input.bind(py).clone()), |read| read.stream(py))
    }

    fn read(&self) -> Option<&ReadAhead> {
        match &self.body {
            LentBody::Withheld => None,
            LentBody::Pending(pending) => pending.get().read.get().map(|(read, _)| read),
            LentBody::Known(read) => Some(read),
        }
    }
}

/// A body that is read ahead when somebody asks for it.
#[pyclass(frozen, module = "moesif._native")]
struct PendingInput {
    inner: Py<PyAny>,
    record: Record,
    /// Announced, in bytes.
    length: u64,
    /// What was read, and the stream that stands for this one.
    read: OnceLock<(ReadAhead, Py<PyAny>)>,
}

#[pymethods]
impl PendingInput {
    fn __getattr__<'py>(&self, name: &Bound<'py, PyString>) -> PyResult<Bound<'py, PyAny>> {
        python::attribute(&self.stream(name.py())?, name)
    }

    fn __iter__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyIterator>> {
        python::iterate(&self.stream(py)?)
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.inner)?;
        match self.read.get() {
            Some((read, stream)) => {
                visit.call(stream)?;
                visit.call(&read.failure)
            }
            None => Ok(()),
        }
    }
}

impl PendingInput {
    fn stream<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let (_, stream) = if let Some(read) = self.read.get() {
            read
        } else {
            let read = read_ahead(self.inner.bind(py), &self.record, self.length)?;
            let stream = read.stream(py)?.unbind();
            self.read.get_or_init(|| (read, stream))
        };
        Ok(stream.bind(py).clone())
    }
}

fn wide(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}

/// A stream that records what is read from another one and is otherwise that one.
#[pyclass(frozen, subclass, module = "moesif._native")]
struct RecordedInput {
    inner: Py<PyAny>,
    record: Record,
    /// Where the next byte read stands in the body.
    position: AtomicU64,
}

impl RecordedInput {
    fn of(stream: Bound<'_, PyAny>, record: &Record) -> Self {
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
            let view = PyMemoryView::from(&arguments.get_item(0)?)?;
            let view = python::call_method(&view, intern!(py, "cast"), &PyTuple::new(py, ["B"])?)?;
            let filled = view.get_item(PySlice::new(py, 0, length, 1))?;
            self.record(&python::call_method(&filled, intern!(py, "tobytes"), &PyTuple::empty(py))?);
        }
        Ok(count)
    }

    /// Moves in the stream. Where it does not tell by how much, the record ends here.
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
            _ => {
                self.record.update(moesif::Exchange::mark_request_body_incomplete);
            }
        }
        Ok(result)
    }
}

#[pymethods]
impl RecordedInput {
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

    /// Whatever else the stream can do it still can; what reads or moves is recorded.
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

    /// A copy is one of the stream itself: what is read from it is nobody's record.
    fn __reduce__<'py>(&self, py: Python<'py>) -> PyResult<(Bound<'py, PyAny>, (Py<PyAny>,))> {
        Ok((
            python::attribute(&python::import(intern!(py, "copy"))?, intern!(py, "copy"))?,
            (self.inner.clone_ref(py),),
        ))
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.inner)
    }
}

/// One that can be closed.
#[pyclass(frozen, extends = RecordedInput, module = "moesif._native")]
struct ClosableInput;

#[pymethods]
impl ClosableInput {
    fn close<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        let py = slf.py();
        let inner = slf.as_super().get().inner.bind(py);
        python::call_method(inner, intern!(py, "close"), &PyTuple::empty(py))
    }
}

/// The lines of a stream, recorded as they are taken.
#[pyclass(frozen, module = "moesif._native")]
struct RecordedLines {
    lines: Py<PyIterator>,
    input: Py<RecordedInput>,
}

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
        visit.call(&self.lines)?;
        visit.call(&self.input)
    }
}

/// What was read ahead before reading failed, then the failure.
#[pyclass(frozen, module = "moesif._native")]
struct InterruptedInput {
    replay: Py<PyAny>,
    /// The exception. Its traceback leads to `environ`, which leads here: a cycle that the collector must see.
    failure: Py<PyAny>,
}

impl InterruptedInput {
    fn fail<T>(&self, py: Python<'_>) -> PyResult<T> {
        Err(PyErr::from_value(self.failure.bind(py).clone()))
    }
}

#[pymethods]
impl InterruptedInput {
    #[pyo3(signature = (size=None))]
    fn read<'py>(&self, py: Python<'py>, size: Option<i64>) -> PyResult<Bound<'py, PyAny>> {
        let wanted = size.and_then(|size| usize::try_from(size).ok());
        let Some(wanted) = wanted else {
            return self.fail(py);
        };
        let data =
            python::call_method(self.replay.bind(py), intern!(py, "read"), &PyTuple::new(py, [wanted])?)?;
        if data.len()? < wanted { self.fail(py) } else { Ok(data) }
    }

    #[pyo3(signature = (size=None))]
    fn readline<'py>(&self, py: Python<'py>, size: Option<i64>) -> PyResult<Bound<'py, PyAny>> {
        let size = size.unwrap_or(-1);
        let line =
            python::call_method(self.replay.bind(py), intern!(py, "readline"), &PyTuple::new(py, [size])?)?;
        let is_whole = line.cast::<PyBytes>().is_ok_and(|line| {
            let line = line.as_bytes();
            line.ends_with(b"\n") || usize::try_from(size).is_ok_and(|size| size == line.len())
        });
        if is_whole { Ok(line) } else { self.fail(py) }
    }

    #[pyo3(signature = (_hint=None))]
    fn readlines<'py>(
        &self,
        py: Python<'py>,
        _hint: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        self.fail(py)
    }

    /// Django closes a stream that failed.
    fn close(&self, py: Python<'_>) -> PyResult<()> {
        python::call_method(self.replay.bind(py), intern!(py, "close"), &PyTuple::empty(py)).map(drop)
    }

    fn __iter__<'py>(slf: &Bound<'py, Self>) -> Bound<'py, Self> {
        slf.clone()
    }

    fn __next__<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        self.readline(py, None).map(Some)
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.replay)?;
        visit.call(&self.failure)
    }
}
