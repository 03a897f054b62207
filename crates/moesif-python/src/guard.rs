//! Stops panics, which are faults of ours, before they reach the application.

use std::panic::{AssertUnwindSafe, catch_unwind};

use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;

/// Runs code of ours. Returns `None` if it panics.
pub(crate) fn guarded<T>(work: impl FnOnce() -> T) -> Option<T> {
    catch_unwind(AssertUnwindSafe(work)).ok()
}

/// Runs code of ours for the Python part, which reports exceptions. A panic raises `RuntimeError`, because
/// pyo3 would raise one that is not an `Exception`.
pub(crate) fn raising<T>(work: impl FnOnce() -> PyResult<T>) -> PyResult<T> {
    guarded(work).unwrap_or_else(|| Err(PyRuntimeError::new_err("a fault in this package: please report it")))
}
