//! Exceptions that were raised into a function, and so are not failures of that function.
//!
//! An exit, a keyboard interrupt and most time limits are not an `Exception`, so they are easy to tell. Some
//! time limits are. Two kinds of them are recognised here:
//!
//! - An exception that a signal handler has raised, whatever its class.
//! - The classes in [`TIME_LIMITS`]. Their libraries also raise them without a signal, from another thread.
//!
//! Others look like failures of the function: those that another thread, or a greenlet's hub, raises into it.

use pyo3::exceptions::PyException;
use pyo3::prelude::*;
use pyo3::types::{PyInt, PyTuple, PyType};

use crate::once::intern;
use crate::python;

/// Modules and names of classes that only a time limit raises.
const TIME_LIMITS: [(&str, &str); 2] =
    [("billiard.exceptions", "SoftTimeLimitExceeded"), ("rq.timeouts", "BaseTimeoutException")];

/// How many layers of a handler are looked through, such as a `partial` of a method. A limit, because they
/// could be circular.
const MOST_LAYERS: usize = 10;

/// `CO_VARARGS` of a code object: the function has a parameter like `*arguments`.
const HAS_VARIABLE_ARGUMENTS: u32 = 0x04;

/// Whether an exception propagates to the host: it is not an `Exception`, or [`is_interruption`].
pub(crate) fn belongs_to_host(py: Python<'_>, error: &PyErr) -> bool {
    !error.is_instance_of::<PyException>(py) || is_raised_into(py, error)
}

/// Returns `None` instead of an `Exception`. Raises what belongs to the host: an exit, or an interrupt or time
/// limit that arrives meanwhile (`docs/guarantees.md`, I-19).
pub(crate) fn if_possible<T>(py: Python<'_>, result: PyResult<T>) -> PyResult<Option<T>> {
    match result {
        Ok(found) => Ok(Some(found)),
        Err(error) if belongs_to_host(py, &error) => Err(error),
        Err(_) => Ok(None),
    }
}

/// Whether an `Exception` was raised into the code that it came from, by a time limit or a signal handler.
#[pyfunction]
pub(crate) fn is_interruption(error: &Bound<'_, PyAny>) -> bool {
    is_raised_into(error.py(), &PyErr::from_value(error.clone()))
}

fn is_raised_into(py: Python<'_>, error: &PyErr) -> bool {
    // If Python refuses to tell, it counts as a failure of the function.
    is_time_limit(py, error).unwrap_or(false) || has_signal_handler(py, error).unwrap_or(false)
}

fn is_time_limit(py: Python<'_>, error: &PyErr) -> PyResult<bool> {
    for class in error.get_type(py).mro() {
        let module = class.getattr(intern!(py, "__module__"))?;
        let name = class.getattr(intern!(py, "__qualname__"))?;
        for (known_module, known_name) in TIME_LIMITS {
            if name.eq(known_name)? && module.eq(known_module)? {
                return Ok(true);
            }
        }
    }
    Ok(false)
}

/// Whether a frame of the traceback is that of a signal handler.
fn has_signal_handler(py: Python<'_>, error: &PyErr) -> PyResult<bool> {
    let handlers = codes_of_signal_handlers(py).unwrap_or_default();
    let mut entry = error.traceback(py).map(Bound::into_any);
    while let Some(here) = entry {
        let frame = here.getattr(intern!(py, "tb_frame"))?;
        let code = frame.getattr(intern!(py, "f_code"))?;
        // A handler may have deleted its arguments. One that is not set any more is known by them only.
        if handlers.iter().any(|handler| handler.is(&code)) || is_called_by_signal(&frame)? {
            return Ok(true);
        }
        entry = Some(here.getattr(intern!(py, "tb_next"))?).filter(|next| !next.is_none());
    }
    Ok(false)
}

/// Returns the code objects of the handlers that are set.
fn codes_of_signal_handlers(py: Python<'_>) -> PyResult<Vec<Bound<'_, PyAny>>> {
    // The module below signal: its functions run no Python, so no other signal handler is called meanwhile.
    let signal = python::import(intern!(py, "_signal"))?;
    let get = python::attribute(&signal, intern!(py, "getsignal"))?;
    let numbers = python::call_method(&signal, intern!(py, "valid_signals"), &PyTuple::empty(py))?;
    let mut codes = Vec::new();
    for number in python::list(&numbers)? {
        let handler = python::call(&get, &PyTuple::new(py, [number])?, None)?;
        // Numbers stand for the default action and for none.
        if !handler.is_none() && !handler.is_instance_of::<PyInt>() {
            codes.extend(code_of(handler)?);
        }
    }
    Ok(codes)
}

/// Returns the code object of a function, a method, a class, a `partial` or an object that can be called.
///
/// Of a decorated function, it is that of the innermost one. All functions of a decorator share their code.
fn code_of(callable: Bound<'_, PyAny>) -> PyResult<Option<Bound<'_, PyAny>>> {
    let py = callable.py();
    let code = intern!(py, "__code__");
    let mut callable = callable;
    for _ in 0..MOST_LAYERS {
        if let Some(inner) = python::optional_attribute(&callable, intern!(py, "__wrapped__"))? {
            callable = inner;
            continue;
        }
        if let Some(code) = python::optional_attribute(&callable, code)? {
            return Ok(Some(code));
        }
        let is_class = callable.is_instance_of::<PyType>();
        let (owner, name) = if is_class {
            (callable.clone(), intern!(py, "__init__"))
        } else {
            (callable.get_type().into_any(), intern!(py, "__call__"))
        };
        let method = python::attribute(&owner, name)?;
        callable = match python::optional_attribute(&callable, intern!(py, "func"))? {
            Some(inner) if python::optional_attribute(&method, code)?.is_none() => inner,
            _ => method,
        };
    }
    Ok(None)
}

/// Whether a frame was called like a signal handler: with a number and the frame that called it, the one that
/// the signal has interrupted.
fn is_called_by_signal(frame: &Bound<'_, PyAny>) -> PyResult<bool> {
    let caller = frame.getattr(intern!(frame.py(), "f_back"))?;
    let arguments = arguments(frame)?;
    let is_handler = arguments.windows(2).any(
        |pair| matches!(pair, [number, interrupted] if number.is_instance_of::<PyInt>() && interrupted.is(&caller)),
    );
    Ok(is_handler && !caller.is_none())
}

/// Returns the positional arguments of a frame, as far as its variables still hold them.
fn arguments<'py>(frame: &Bound<'py, PyAny>) -> PyResult<Vec<Bound<'py, PyAny>>> {
    let py = frame.py();
    let code = frame.getattr(intern!(py, "f_code"))?;
    let number = |name| -> PyResult<usize> { code.getattr(name)?.extract() };
    let positional = number(intern!(py, "co_argcount"))?;
    let flags: u32 = code.getattr(intern!(py, "co_flags"))?.extract()?;
    let names = code.getattr(intern!(py, "co_varnames"))?.cast_into::<PyTuple>()?;
    let variables = frame.getattr(intern!(py, "f_locals"))?;
    let mut values: Vec<_> =
        names.iter().take(positional).filter_map(|name| variables.get_item(name).ok()).collect();
    if flags & HAS_VARIABLE_ARGUMENTS != 0 {
        // The names of keyword-only parameters come between.
        let name = names.get_item(positional.saturating_add(number(intern!(py, "co_kwonlyargcount"))?))?;
        if let Ok(more) = variables.get_item(name).and_then(|more| Ok(more.cast_into::<PyTuple>()?)) {
            values.extend(more.iter());
        }
    }
    Ok(values)
}
