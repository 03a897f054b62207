//! Where a fault of ours ends: before it reaches the application.

use std::panic::{AssertUnwindSafe, catch_unwind};

use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;

/// Runs code of ours in the application's path. A panic is a fault of ours; it ends here, as nothing.
pub(crate) fn guarded<T>(work: impl FnOnce() -> T) -> Option<T> {
    catch_unwind(AssertUnwindSafe(work)).ok()
}

/// Runs code of ours for the facade, which reports what is raised: a panic becomes an `Exception`, as pyo3's is none.
pub(crate) fn raising<T>(work: impl FnOnce() -> PyResult<T>) -> PyResult<T> {
    guarded(work).unwrap_or_else(|| Err(PyRuntimeError::new_err("a fault in this package: please report it")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_ends_here() {
        assert_eq!(guarded(|| 1), Some(1));
        assert_eq!(guarded::<()>(|| panic!("a fault")), None);
        assert!(raising::<()>(|| panic!("a fault")).is_err());
        assert!(matches!(raising(|| Ok(1)), Ok(1)));
    }
}
