//! Calls that may run Python code of the application, a server or a library.
//!
//! Before Python 3.14, a finalising interpreter ends a daemon thread by unwinding its whole stack, when the
//! thread next asks for the interpreter. If frames of ours are on that stack, the process aborts, because
//! Rust frames cannot be unwound this way. So the thread stops here for good, as it does from 3.14 on, and
//! the process ends as without us.
//!
//! Rust assumes that Python's functions never unwind. So a frame between one of them and [`stopping`] must
//! have nothing to clean up, or unwinding aborts the process there. Each function here has one such frame: it
//! is never inlined and owns nothing. The caller makes and drops what is passed to it.

#![expect(clippy::disallowed_methods, reason = "other modules use this one instead")]

use std::thread;

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyIterator, PyList, PyString, PyTuple};

use crate::once::intern;

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

/// `object.name = value`
pub(crate) fn set_attribute(
    object: &Bound<'_, PyAny>,
    name: &Bound<'_, PyString>,
    value: &Bound<'_, PyAny>,
) -> PyResult<()> {
    #[inline(never)]
    fn enter(
        object: &Bound<'_, PyAny>,
        name: &Bound<'_, PyString>,
        value: &Bound<'_, PyAny>,
    ) -> PyResult<()> {
        object.setattr(name, value)
    }
    stopping(|| enter(object, name, value))
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

/// `next(iterator)`, or `None` at its end
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

/// `isinstance(object, collections.abc.Mapping)`, which may run Python code unless the object is a dictionary
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

/// Runs one of the frames above. Parks the thread for ever if it is unwound by anything but a panic of ours.
fn stopping<T>(enter: impl FnOnce() -> T) -> T {
    let stop = StopUnwinding;
    let result = enter();
    std::mem::forget(stop);
    result
}

struct StopUnwinding;

impl Drop for StopUnwinding {
    fn drop(&mut self) {
        // A panic goes on: pyo3 turns it into an exception.
        while !thread::panicking() {
            thread::park();
        }
    }
}
