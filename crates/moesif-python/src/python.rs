//! Calls that may run Python code: the application's, a server's, a library's.
//!
//! Before 3.14, an interpreter that is being finalised ends a thread that asks for it by unwinding the thread's whole stack. A
//! daemon thread of the application may well be below a frame of ours then, and frames of Rust cannot take part in that: the
//! process would be aborted. So the thread stops here for good, as it does from 3.14 on anyway, and the process ends as it would
//! without us.
//!
//! Python's functions are declared to the compiler as never unwinding. A frame between one of them and [`stopping`] must
//! therefore have nothing to clean up, or the unwinding ends in it, and the process with it: each function here is one such
//! frame, never inlined, that owns nothing. What is passed on is made, and dropped, by the caller.

#![expect(clippy::disallowed_methods, reason = "this is the module others are to use instead")]

use std::thread;

use pyo3::exceptions::PyException;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyIterator, PyList, PyString, PyTuple};

/// `function(*arguments, **keywords)`
pub(crate) fn call<'py>(
    function: &Bound<'py, PyAny>,
    arguments: &Bound<'py, PyTuple>,
    keywords: Option<&Bound<'py, PyDict>>,
) -> PyResult<Bound<'py, PyAny>> {
    #[inline(never)]
    fn enter<'py>(
        function: &Bound<'py, PyAny>,
        arguments: &Bound<'py, PyTuple>,
        keywords: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        function.call(arguments, keywords)
    }
    stopping(|| enter(function, arguments, keywords))
}

/// `object.name(*arguments)`
pub(crate) fn call_method<'py>(
    object: &Bound<'py, PyAny>,
    name: &Bound<'py, PyString>,
    arguments: &Bound<'py, PyTuple>,
) -> PyResult<Bound<'py, PyAny>> {
    call(&attribute(object, name)?, arguments, None)
}

/// `object.name`
pub(crate) fn attribute<'py>(
    object: &Bound<'py, PyAny>,
    name: &Bound<'py, PyString>,
) -> PyResult<Bound<'py, PyAny>> {
    #[inline(never)]
    fn enter<'py>(object: &Bound<'py, PyAny>, name: &Bound<'py, PyString>) -> PyResult<Bound<'py, PyAny>> {
        object.getattr(name)
    }
    stopping(|| enter(object, name))
}

/// `getattr(object, name, None)`
pub(crate) fn optional_attribute<'py>(
    object: &Bound<'py, PyAny>,
    name: &Bound<'py, PyString>,
) -> PyResult<Option<Bound<'py, PyAny>>> {
    #[inline(never)]
    fn enter<'py>(
        object: &Bound<'py, PyAny>,
        name: &Bound<'py, PyString>,
    ) -> PyResult<Option<Bound<'py, PyAny>>> {
        object.getattr_opt(name)
    }
    stopping(|| enter(object, name))
}

/// `import name`
pub(crate) fn import<'py>(name: &Bound<'py, PyString>) -> PyResult<Bound<'py, PyAny>> {
    #[inline(never)]
    fn enter<'py>(name: &Bound<'py, PyString>) -> PyResult<Bound<'py, PyModule>> {
        PyModule::import(name.py(), name)
    }
    Ok(stopping(|| enter(name))?.into_any())
}

/// `iter(object)`
pub(crate) fn iterate<'py>(object: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyIterator>> {
    #[inline(never)]
    fn enter<'py>(object: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyIterator>> {
        object.try_iter()
    }
    stopping(|| enter(object))
}

/// `next(iterator)`; nothing at its end.
pub(crate) fn next<'py>(iterator: &mut Bound<'py, PyIterator>) -> PyResult<Option<Bound<'py, PyAny>>> {
    #[inline(never)]
    fn enter<'py>(iterator: &mut Bound<'py, PyIterator>) -> Option<PyResult<Bound<'py, PyAny>>> {
        iterator.next()
    }
    stopping(|| enter(iterator)).transpose()
}

/// `list(object)`
pub(crate) fn list<'py>(object: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyList>> {
    let arguments = PyTuple::new(object.py(), [object])?;
    Ok(call(&object.py().get_type::<PyList>(), &arguments, None)?.cast_into()?)
}

/// `str(object)`
pub(crate) fn text<'py>(object: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyString>> {
    #[inline(never)]
    fn enter<'py>(object: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyString>> {
        object.str()
    }
    stopping(|| enter(object))
}

/// `isinstance(object, collections.abc.Mapping)`: of a class that is no dictionary, the answer comes from Python code.
pub(crate) fn is_mapping(object: &Bound<'_, PyAny>) -> PyResult<bool> {
    #[inline(never)]
    fn enter(object: &Bound<'_, PyAny>, class: &Bound<'_, PyAny>) -> PyResult<bool> {
        object.is_instance(class)
    }
    if object.is_instance_of::<PyDict>() {
        return Ok(true);
    }
    let py = object.py();
    let class = attribute(&import(intern!(py, "collections.abc"))?, intern!(py, "Mapping"))?;
    stopping(|| enter(object, &class))
}

/// `bool(object)`
pub(crate) fn truth(object: &Bound<'_, PyAny>) -> PyResult<bool> {
    #[inline(never)]
    fn enter(object: &Bound<'_, PyAny>) -> PyResult<bool> {
        object.is_truthy()
    }
    stopping(|| enter(object))
}

/// Nothing in the place of an `Exception`. What is none (an exit, an interrupt that arrives meanwhile) is the host's, and travels
/// on (`docs/guarantees.md`, I-19).
pub(crate) fn if_possible<T>(py: Python<'_>, result: PyResult<T>) -> PyResult<Option<T>> {
    match result {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.is_instance_of::<PyException>(py) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Runs one of the frames above; an unwinding that is not a panic of ours goes no further.
fn stopping<T>(enter: impl FnOnce() -> T) -> T {
    let stop = StopUnwinding;
    let result = enter();
    std::mem::forget(stop);
    result
}

struct StopUnwinding;

impl Drop for StopUnwinding {
    fn drop(&mut self) {
        // A panic may pass: pyo3 turns it into an exception.
        while !thread::panicking() {
            thread::park();
        }
    }
}
