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
use pyo3::types::{PyInt, PyTuple};

use crate::once::intern;

/// Modules and names of classes that only a time limit raises.
const TIME_LIMITS: [(&str, &str); 2] =
    [("billiard.exceptions", "SoftTimeLimitExceeded"), ("rq.timeouts", "BaseTimeoutException")];

/// `CO_VARARGS` of a code object: the function has a parameter like `*arguments`.
const HAS_VARIABLE_ARGUMENTS: u32 = 0x04;

/// Whether an exception propagates to the host: it is not an `Exception`, or [`is_interruption`].
pub(crate) fn belongs_to_host(py: Python<'_>, error: &PyErr) -> bool {
    !error.is_instance_of::<PyException>(py) || is_raised_into(py, error)
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
    let mut entry = error.traceback(py).map(Bound::into_any);
    while let Some(here) = entry {
        if is_signal_handler(&here.getattr(intern!(py, "tb_frame"))?)? {
            return Ok(true);
        }
        entry = Some(here.getattr(intern!(py, "tb_next"))?).filter(|next| !next.is_none());
    }
    Ok(false)
}

/// Whether a frame was called like a signal handler: with a number and the frame that called it, the one that
/// the signal has interrupted.
fn is_signal_handler(frame: &Bound<'_, PyAny>) -> PyResult<bool> {
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
