//! The iterator the server is given in place of the application's, chunk for chunk the same.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use moesif::Exchange;
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyIterator, PyTuple, PyType};

use super::Call;
use crate::python;

/// Passes chunks on as they come and records what fits. Alone holds the application's iterable, so that its end is not
/// delayed to the garbage collector.
#[pyclass(frozen, subclass, module = "moesif._native")]
pub(super) struct ResponseIterator {
    call: Call,
    iterable: Py<PyAny>,
    /// Made when the server asks for it, as it would be without us.
    iterator: Mutex<Option<Py<PyIterator>>>,
    is_closed: AtomicBool,
}

/// The same for an iterable with a length: servers derive a Content-Length from it.
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
        let there =
            self.iterator.lock().unwrap_or_else(PoisonError::into_inner).as_ref().map(|it| it.clone_ref(py));
        if let Some(iterator) = there {
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
            Err(error) => Err(super::with_exit(py, error, finished)),
        }
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        self.call.traverse(visit)?;
        visit.call(&self.iterable)?;
        if let Ok(iterator) = self.iterator.try_lock() {
            visit.call(&*iterator)?;
        }
        Ok(())
    }
}

#[pymethods]
impl SizedResponseIterator {
    fn __len__(slf: &Bound<'_, Self>) -> PyResult<usize> {
        slf.as_super().get().iterable.bind(slf.py()).len()
    }
}

impl Drop for ResponseIterator {
    /// A server that never calls `close` still leaves an event. The application's iterable is only let go, as it would
    /// be without us.
    fn drop(&mut self) {
        if self.is_closed.load(Ordering::Acquire) {
            return;
        }
        Python::try_attach(|py| {
            // An object may be freed while an exception is on its way: that one stays.
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

/// Whether iterables have a length, by their class. The last class that had none is remembered: an application's
/// responses are mostly of one.
#[derive(Default)]
pub(super) struct Lengths {
    unsized_class: Mutex<Option<Py<PyType>>>,
}

impl Lengths {
    pub(super) fn is_sized(&self, iterable: &Bound<'_, PyAny>) -> bool {
        let class = iterable.get_type();
        let lock = || self.unsized_class.lock().unwrap_or_else(PoisonError::into_inner);
        if lock().as_ref().is_some_and(|known| known.is(&class)) {
            return false;
        }
        let is_sized = class.hasattr(intern!(iterable.py(), "__len__")).unwrap_or(false);
        if !is_sized {
            let before = lock().replace(class.unbind());
            drop(before);
        }
        is_sized
    }

    pub(super) fn traverse(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        match self.unsized_class.try_lock() {
            Ok(class) => visit.call(&*class),
            Err(_) => Ok(()),
        }
    }
}
