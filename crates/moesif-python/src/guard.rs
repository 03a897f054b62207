//! Stops panics before they reach the application. A panic is a fault of ours, or pyo3's answer when Python has
//! no memory for an object.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

use moesif::delivery::DropReason;
use pyo3::exceptions::{PyMemoryError, PyRuntimeError};
use pyo3::prelude::*;

/// Message of pyo3's panic when a function of Python that makes an object returns none.
const NO_OBJECT: &str = "PyObject pointer is null";

/// Runs code of ours. Returns `None` if it panics.
pub(crate) fn guarded<T>(work: impl FnOnce() -> T) -> Option<T> {
    caught(work).ok()
}

/// Runs code of ours. If it panics, returns the reason under which to count the lost event.
pub(crate) fn caught<T>(work: impl FnOnce() -> T) -> Result<T, DropReason> {
    catch_unwind(AssertUnwindSafe(work)).map_err(|panic| reason(&*panic))
}

/// Runs code of ours for Python code, which handles exceptions. A panic becomes a `MemoryError` or a
/// `RuntimeError`, because pyo3 would raise an exception that is not an `Exception`.
pub(crate) fn raising<T>(work: impl FnOnce() -> PyResult<T>) -> PyResult<T> {
    caught(work).unwrap_or_else(|reason| {
        Err(match reason {
            DropReason::Memory => PyMemoryError::new_err(()),
            _ => PyRuntimeError::new_err("a fault in this package: please report it"),
        })
    })
}

fn reason(panic: &(dyn Any + Send)) -> DropReason {
    let message = panic.downcast_ref::<&str>().copied();
    if message == Some(NO_OBJECT) { DropReason::Memory } else { DropReason::Internal }
}
