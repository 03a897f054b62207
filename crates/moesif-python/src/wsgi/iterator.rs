//! The iterator that the server gets instead of the application's. It yields the same chunks.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use moesif::Exchange;
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use pyo3::types::{PyIterator, PyTuple};

use super::call::{Call, with_exit};
use crate::gc::{Traverse, traverse};
use crate::once::intern;
use crate::python;

/// Passes chunks on as they come, and records what fits the limit. Nothing else of ours refers to the
/// application's iterable, so it is freed as early as without us.
#[pyclass(frozen, subclass, module = "moesif._native")]
pub(super) struct ResponseIterator {
    call: Call,
    iterable: Py<PyAny>,
    /// Made when the server asks for it, as without us.
    iterator: Mutex<Option<Py<PyIterator>>>,
    is_closed: AtomicBool,
}

traverse!(ResponseIterator { call, iterable, iterator });

/// A [`ResponseIterator`] with a length: servers derive a Content-Length from it.
#[pyclass(frozen, extends = ResponseIterator, module = "moesif._native")]
pub(super) struct SizedResponseIterator;

impl ResponseIterator {
    pub(super) fn new(call: Call, iterable: Bound<'_, PyAny>) -> Self {
        Self {
            call,
            iterable: iterable.unbind(),
            iterator: Mutex::new(None),
            is_closed: AtomicBool::new(false),
        }
    }

    fn iterator<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyIterator>> {
        let made =
            self.iterator.lock().unwrap_or_else(PoisonError::into_inner).as_ref().map(|it| it.clone_ref(py));
        if let Some(iterator) = made {
            return Ok(iterator.into_bound(py));
        }
        let iterator = python::iterate(self.iterable.bind(py)).inspect_err(|_| {
            self.call.record.update(Exchange::fail);
        })?;
        let before =
            self.iterator.lock().unwrap_or_else(PoisonError::into_inner).replace(iterator.clone().unbind());
        drop(before);
        Ok(iterator)
    }
}

#[pymethods]
impl ResponseIterator {
    fn __iter__<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, Self>> {
        slf.get().iterator(slf.py())?;
        Ok(slf.clone())
    }

    fn __next__<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        let mut iterator = self.iterator(py)?;
        let serving = self.call.serving(py)?;
        let next = python::next(&mut iterator);
        serving.leave();
        match next {
            Ok(Some(chunk)) => {
                self.call.record.response_chunk(&chunk, self.call.chunks.bind(py));
                Ok(Some(chunk))
            }
            Err(error) => {
                self.call.record.update(Exchange::fail);
                Err(error)
            }
            Ok(None) => {
                self.call.record.update(Exchange::finish);
                Ok(None)
            }
        }
    }

    /// Ends the record, then closes the application's iterable, once.
    fn close(&self, py: Python<'_>) -> PyResult<()> {
        if self.is_closed.swap(true, Ordering::AcqRel) {
            return Ok(());
        }
        let serving = self.call.serving(py)?;
        let finished = self.call.finish(py);
        let close = || match python::optional_attribute(self.iterable.bind(py), intern!(py, "close"))? {
            Some(close) => python::call(&close, &PyTuple::empty(py), None).map(drop),
            None => Ok(()),
        };
        let closed = close();
        serving.leave();
        self.call.served.end();
        match closed {
            Ok(()) => finished,
            Err(error) => Err(with_exit(py, error, finished)),
        }
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        self.traverse(&visit)
    }
}

#[pymethods]
impl SizedResponseIterator {
    fn __len__(slf: &Bound<'_, Self>) -> PyResult<usize> {
        slf.as_super().get().iterable.bind(slf.py()).len()
    }
}

impl Drop for ResponseIterator {
    /// Ends the record if the server never calls `close`. The application's iterable is only released, as
    /// without us.
    fn drop(&mut self) {
        if self.is_closed.load(Ordering::Acquire) {
            return;
        }
        Python::try_attach(|py| {
            // An object may be freed while an exception propagates: keep that exception.
            let pending = PyErr::take(py);
            if let Err(error) = self.call.finish(py) {
                error.write_unraisable(py, None);
            }
            if let Some(pending) = pending {
                pending.restore(py);
            }
        });
    }
}
