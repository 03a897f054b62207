//! Shows Python's garbage collector which objects a class of ours refers to.
//!
//! A class lists its fields once, with [`traverse!`]. Its `__traverse__` calls [`Traverse::traverse`]: pyo3
//! wants that method in the class's own `#[pymethods]` block.

use std::sync::{Mutex, OnceLock};

use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;

/// A value that may own references to Python objects.
///
/// `Arc` does not implement it: the collector must see each reference once, and a shared value has several
/// owners.
pub(crate) trait Traverse {
    /// Shows the collector every object that this value refers to.
    fn traverse(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError>;
}

impl<T> Traverse for Py<T> {
    fn traverse(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(self)
    }
}

impl<T: Traverse> Traverse for Option<T> {
    fn traverse(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        self.iter().try_for_each(|value| value.traverse(visit))
    }
}

impl<T: Traverse> Traverse for Vec<T> {
    fn traverse(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        self.iter().try_for_each(|value| value.traverse(visit))
    }
}

impl<T: Traverse> Traverse for OnceLock<T> {
    fn traverse(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        self.get().map_or(Ok(()), |value| value.traverse(visit))
    }
}

/// Skips a value that is locked: the collector must not wait. Its objects then survive this collection.
impl<T: Traverse> Traverse for Mutex<T> {
    fn traverse(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        self.try_lock().map_or(Ok(()), |value| value.traverse(visit))
    }
}

/// Implements [`Traverse`] for a struct: `traverse!(Type { field, field })` names the fields that refer to
/// objects.
macro_rules! traverse {
    ($class:ty { $($field:ident),+ }) => {
        impl $crate::gc::Traverse for $class {
            fn traverse(&self, visit: &pyo3::gc::PyVisit<'_>) -> Result<(), pyo3::gc::PyTraverseError> {
                $($crate::gc::Traverse::traverse(&self.$field, visit)?;)+
                Ok(())
            }
        }
    };
}

pub(crate) use traverse;
