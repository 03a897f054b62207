//! Values that are made at their first use.
//!
//! `intern!` and `PyOnceLock` of pyo3 let other threads run Python while they make a value. If one of those
//! threads forks at that moment, the child waits for ever for a thread that it does not have
//! (`docs/guarantees.md`, I-4). Here a value is made first and stored afterwards. Storing takes a few
//! instructions, and no other thread can run Python, or fork through Python, during them.

use std::sync::OnceLock;

use pyo3::prelude::*;
use pyo3::types::PyString;

/// Cell for a value that is made at its first use.
pub(crate) struct OnceCell<T>(OnceLock<T>);

impl<T> OnceCell<T> {
    pub(crate) const fn new() -> Self {
        Self(OnceLock::new())
    }

    /// Returns the value. Makes it with `make` if the cell is empty.
    ///
    /// Threads that race may each call `make`. The first value stored is kept, and every thread gets it.
    pub(crate) fn get_or_try_init<E>(&self, make: impl FnOnce() -> Result<T, E>) -> Result<&T, E> {
        match self.get() {
            Some(value) => Ok(value),
            None => Ok(self.store(make()?)),
        }
    }

    fn get(&self) -> Option<&T> {
        self.0.get()
    }

    /// Stores a value, unless there is one. Returns the stored value.
    fn store(&self, value: T) -> &T {
        self.0.get_or_init(|| value)
    }
}

/// An interned Python string, made at its first use.
pub(crate) struct Interned {
    text: &'static str,
    string: OnceCell<Py<PyString>>,
}

impl Interned {
    pub(crate) const fn new(text: &'static str) -> Self {
        Self { text, string: OnceCell::new() }
    }

    #[inline]
    pub(crate) fn get<'py>(&'static self, py: Python<'py>) -> &'py Bound<'py, PyString> {
        self.string.get().unwrap_or_else(|| self.make(py)).bind(py)
    }

    #[cold]
    fn make(&self, py: Python<'_>) -> &Py<PyString> {
        self.string.store(PyString::intern(py, self.text).unbind())
    }
}

/// Returns a literal as an interned Python string: `intern!(py, "name")`.
macro_rules! intern {
    ($py:expr, $text:expr) => {{
        static STRING: $crate::once::Interned = $crate::once::Interned::new($text);
        STRING.get($py)
    }};
}
pub(crate) use intern;
