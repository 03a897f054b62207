//! A request body that is read before the application asks for it.

use pyo3::exceptions::PyMemoryError;
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyMemoryView, PyTuple};

use super::Record;
use super::recorded_stream::wide;
use crate::convert::copied;
use crate::gc::{Traverse, traverse};
use crate::interruption::belongs_to_host;
use crate::once::intern;
use crate::python;

/// A body that has been read ahead, and the exception that ended reading, if one did.
pub(crate) struct ReadAhead {
    body: Py<PyBytes>,
    failure: Option<Py<PyAny>>,
}

traverse!(ReadAhead { body, failure });

impl ReadAhead {
    /// Reads `length` bytes from a stream and records them. An `Exception` while reading is kept: the
    /// application meets it where it reads that far.
    ///
    /// Raises `MemoryError` if there is no memory for the body, and what belongs to the host.
    pub(crate) fn read(stream: &Bound<'_, PyAny>, record: &Record, length: u64) -> PyResult<Self> {
        let py = stream.py();
        let mut body = Vec::new();
        let mut remaining = length;
        let mut failure = None;
        while remaining > 0 {
            match read_chunk(stream, remaining) {
                Ok(chunk) if chunk.as_bytes().is_empty() => break,
                Ok(chunk) => {
                    body.try_reserve(chunk.as_bytes().len()).map_err(|_| PyMemoryError::new_err(()))?;
                    body.extend_from_slice(chunk.as_bytes());
                    remaining = remaining.saturating_sub(wide(chunk.as_bytes().len()));
                }
                Err(error) if belongs_to_host(py, &error) => return Err(error),
                Err(error) => {
                    failure = Some(error.into_value(py).into_any());
                    break;
                }
            }
        }
        record.update(|exchange| exchange.record_request_body(0, &body));
        Ok(Self { body: copied(py, &body)?.unbind(), failure })
    }

    /// Returns a stream that yields the body from its start, and then the failure.
    pub(crate) fn stream<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let replay = bytes_io(self.body.bind(py))?;
        match &self.failure {
            None => Ok(replay),
            Some(failure) => {
                let (replay, failure) = (replay.unbind(), failure.clone_ref(py));
                Ok(Bound::new(py, InterruptedStream { replay, failure })?.into_any())
            }
        }
    }
}

fn read_chunk<'py>(stream: &Bound<'py, PyAny>, length: u64) -> PyResult<Bound<'py, PyBytes>> {
    let py = stream.py();
    let chunk = python::call_method(stream, intern!(py, "read"), &(length,).into_pyobject(py)?)?;
    match chunk.cast_into::<PyBytes>() {
        Ok(bytes) => Ok(bytes),
        // Some servers return a bytearray.
        Err(other) => {
            let view = PyMemoryView::from(&other.into_inner())?;
            let bytes = python::call_method(&view, intern!(py, "tobytes"), &PyTuple::empty(py))?;
            Ok(bytes.cast_into::<PyBytes>()?)
        }
    }
}

/// `io.BytesIO(bytes)`
pub(crate) fn bytes_io<'py>(bytes: &Bound<'py, PyBytes>) -> PyResult<Bound<'py, PyAny>> {
    let py = bytes.py();
    let io = python::import(intern!(py, "io"))?;
    python::call_method(&io, intern!(py, "BytesIO"), &PyTuple::new(py, [bytes])?)
}

/// Yields what was read before reading failed, then raises the failure.
#[pyclass(frozen, module = "moesif._native")]
struct InterruptedStream {
    replay: Py<PyAny>,
    /// The exception. Its traceback refers to `environ`, which refers to this stream: the collector must see
    /// the cycle.
    failure: Py<PyAny>,
}

traverse!(InterruptedStream { replay, failure });

impl InterruptedStream {
    fn fail<T>(&self, py: Python<'_>) -> PyResult<T> {
        Err(PyErr::from_value(self.failure.bind(py).clone()))
    }
}

#[pymethods]
impl InterruptedStream {
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
        self.traverse(&visit)
    }
}
