//! `wsgi.input`, recorded as the application reads it.

use std::sync::atomic::{AtomicU64, Ordering};

use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyInt, PyString, PyTuple};

use super::record::Record;

/// Puts a recording stream in place of `wsgi.input`. With `read_first`, that many bytes are read now.
pub(super) fn record_input(environ: &Bound<'_, PyDict>, record: &Record, read_first: Option<u64>) {
    let py = environ.py();
    let key = intern!(py, "wsgi.input");
    let Ok(Some(stream)) = environ.get_item(key) else {
        return;
    };
    let replaced = match read_first {
        Some(length) => read_ahead(&stream, record, length),
        None => Bound::new(
            py,
            RecordedInput { inner: stream.unbind(), record: record.clone(), position: AtomicU64::new(0) },
        )
        .map(Bound::into_any),
    };
    if let Ok(replaced) = replaced {
        drop(environ.set_item(key, replaced));
    }
}

/// Reads the announced body and returns a stream that yields it again. An error while reading is kept for the
/// application to meet where it reads.
fn read_ahead<'py>(stream: &Bound<'py, PyAny>, record: &Record, length: u64) -> PyResult<Bound<'py, PyAny>> {
    let py = stream.py();
    let mut body = Vec::new();
    let mut remaining = length;
    let mut failure = None;
    while remaining > 0 {
        match stream.call_method1(intern!(py, "read"), (remaining,)) {
            Ok(chunk) => {
                let Some(chunk) = chunk
                    .cast::<PyBytes>()
                    .ok()
                    .map(pyo3::types::PyBytesMethods::as_bytes)
                    .filter(|chunk| !chunk.is_empty())
                else {
                    break;
                };
                body.extend_from_slice(chunk);
                remaining = remaining.saturating_sub(u64::try_from(chunk.len()).unwrap_or(u64::MAX));
            }
            Err(error) => {
                failure = Some(error);
                break;
            }
        }
    }
    record.update(|exchange| exchange.record_request_body(0, &body));
    let replay = py.import("io")?.call_method1("BytesIO", (PyBytes::new(py, &body),))?;
    match failure {
        None => Ok(replay),
        Some(failure) => {
            Ok(Bound::new(py, InterruptedInput { replay: replay.unbind(), failure })?.into_any())
        }
    }
}

/// A stream that records what is read from another one and is otherwise that one.
#[pyclass(frozen, module = "moesif._native")]
struct RecordedInput {
    inner: Py<PyAny>,
    record: Record,
    /// Where the next byte read stands in the body.
    position: AtomicU64,
}

impl RecordedInput {
    fn record(&self, data: &Bound<'_, PyAny>) {
        if let Ok(data) = data.cast::<PyBytes>() {
            let data = data.as_bytes();
            let length = u64::try_from(data.len()).unwrap_or(u64::MAX);
            let offset = self.position.fetch_add(length, Ordering::Relaxed);
            self.record.update(|exchange| exchange.record_request_body(offset, data));
        }
    }

    fn forward<'py>(
        &self,
        name: &Bound<'py, PyString>,
        arguments: &Bound<'py, PyTuple>,
        keywords: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let data = self.inner.bind(name.py()).call_method(name, arguments, keywords)?;
        self.record(&data);
        Ok(data)
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
        let lines = self.inner.bind(py).call_method(intern!(py, "readlines"), arguments, keywords)?;
        for line in lines.try_iter()? {
            self.record(&line?);
        }
        Ok(lines)
    }

    fn __iter__<'py>(slf: &Bound<'py, Self>) -> Bound<'py, Self> {
        slf.clone()
    }

    fn __next__<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        // The streams of every server are their own iterators.
        let line = self.inner.bind(py).try_iter()?.next().transpose()?;
        if let Some(line) = &line {
            self.record(line);
        }
        Ok(line)
    }

    /// Whatever else the stream can do it still can; what reads or moves is recorded.
    fn __getattr__<'py>(slf: &Bound<'py, Self>, name: &Bound<'py, PyString>) -> PyResult<Bound<'py, PyAny>> {
        let inner = slf.get().inner.bind(slf.py()).getattr(name)?;
        match &*name.to_string_lossy() {
            "read1" => slf.getattr("_read1"),
            "readinto" => slf.getattr("_readinto"),
            "seek" => slf.getattr("_seek"),
            _ => Ok(inner),
        }
    }

    #[pyo3(signature = (*arguments))]
    fn _read1<'py>(&self, arguments: &Bound<'py, PyTuple>) -> PyResult<Bound<'py, PyAny>> {
        self.forward(intern!(arguments.py(), "read1"), arguments, None)
    }

    fn _readinto<'py>(&self, buffer: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let py = buffer.py();
        let count = self.inner.bind(py).call_method1(intern!(py, "readinto"), (buffer,))?;
        if let Ok(length) = count.extract::<usize>() {
            let view = py.import("builtins")?.call_method1("memoryview", (buffer,))?;
            let slice = py.import("builtins")?.call_method1("slice", (length,))?;
            self.record(&view.call_method1("cast", ("B",))?.get_item(slice)?.call_method0("tobytes")?);
        }
        Ok(count)
    }

    #[pyo3(signature = (*arguments))]
    fn _seek<'py>(&self, arguments: &Bound<'py, PyTuple>) -> PyResult<Bound<'py, PyAny>> {
        let inner = self.inner.bind(arguments.py());
        let tell = || inner.call_method0("tell").and_then(|position| position.extract::<i64>());
        let before = tell()?;
        let result = inner.call_method1("seek", arguments)?;
        let moved = tell()? - before;
        let position = self.position.load(Ordering::Relaxed).saturating_add_signed(moved);
        self.position.store(position, Ordering::Relaxed);
        Ok(result)
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.inner)
    }
}

/// What was read ahead before reading failed, then the failure.
#[pyclass(frozen, module = "moesif._native")]
struct InterruptedInput {
    replay: Py<PyAny>,
    failure: PyErr,
}

impl InterruptedInput {
    fn fail<T>(&self, py: Python<'_>) -> PyResult<T> {
        Err(self.failure.clone_ref(py))
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
        let data = self.replay.bind(py).call_method1("read", (wanted,))?;
        if data.len()? < wanted { self.fail(py) } else { Ok(data) }
    }

    #[pyo3(signature = (size=None))]
    fn readline<'py>(&self, py: Python<'py>, size: Option<i64>) -> PyResult<Bound<'py, PyAny>> {
        let size = size.unwrap_or(-1);
        let line = self.replay.bind(py).call_method1("readline", (size,))?;
        let is_whole = line.cast::<PyBytes>().is_ok_and(|line| {
            line.as_bytes().ends_with(b"\n")
                || usize::try_from(size).is_ok_and(|size| size == line.as_bytes().len())
        });
        if is_whole { Ok(line) } else { self.fail(py) }
    }

    #[pyo3(signature = (_hint=None))]
    fn readlines<'py>(
        &self,
        py: Python<'py>,
        _hint: Option<&Bound<'py, PyInt>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        self.fail(py)
    }

    fn __iter__<'py>(slf: &Bound<'py, Self>) -> Bound<'py, Self> {
        slf.clone()
    }

    fn __next__<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        self.readline(py, None).map(Some)
    }
}
