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
use pyo3::types::{PyInt, PySet, PyTuple, PyType};

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
    let Some(traceback) = error.traceback(py) else {
        return Ok(false);
    };
    let handlers = codes_of_signal_handlers(py).unwrap_or_default();
    let mut entry = Some(traceback.into_any());
    while let Some(here) = entry {
        if is_called_by_signal(&here.getattr(intern!(py, "tb_frame"))?, &handlers)? {
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
            // Only methods that are not written in Python have this attribute.
            _ if python::optional_attribute(&method, intern!(py, "__objclass__"))?.is_some() => {
                return Ok(None);
            }
            _ => method,
        };
    }
    Ok(None)
}

/// A positional argument of a frame. `None` if no variable holds it any more.
type Argument<'py> = Option<Bound<'py, PyAny>>;

/// Whether a frame was called by a signal: with a number and the frame that called it, the one that the signal
/// has interrupted.
///
/// A handler may have deleted its arguments, or set those variables to something else. It is still recognised by
/// its code, as long as it is set.
fn is_called_by_signal(frame: &Bound<'_, PyAny>, handlers: &[Bound<'_, PyAny>]) -> PyResult<bool> {
    let py = frame.py();
    let caller = frame.getattr(intern!(py, "f_back"))?;
    let code = frame.getattr(intern!(py, "f_code"))?;
    let variables = frame.getattr(intern!(py, "f_locals"))?;
    let parameters = Parameters::of(&code)?;
    let held = parameters.arguments(&variables, |_| false);
    let is_signal = |pair: &[Argument<'_>]| match pair {
        [Some(number), Some(interrupted)] => number.is_instance_of::<PyInt>() && interrupted.is(&caller),
        _ => false,
    };
    if !caller.is_none() && held.windows(2).any(is_signal) {
        return Ok(true);
    }
    if !handlers.iter().any(|handler| handler.is(&code)) {
        return Ok(false);
    }
    // The application may have called its handler itself, or another function with the same decorator.
    let Ok(changed) = changed_variables(&code) else {
        // Another signal has arrived, or there is no memory.
        return Ok(true);
    };
    let held = parameters.arguments(&variables, |name| changed.contains(name).unwrap_or(true));
    let may_be_signal = |pair: &[Argument<'_>]| match pair {
        [number, interrupted] => {
            number.as_ref().is_none_or(PyAnyMethods::is_instance_of::<PyInt>)
                && interrupted.as_ref().is_none_or(|interrupted| interrupted.is(&caller))
        }
        _ => false,
    };
    Ok(held.windows(2).any(may_be_signal))
}

/// Returns the names of the variables that a code object sets or deletes after its call, as a set.
fn changed_variables<'py>(code: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PySet>> {
    const CHANGES: [&str; 4] = ["STORE_FAST", "DELETE_FAST", "STORE_DEREF", "DELETE_DEREF"];
    let py = code.py();
    let dis = python::import(intern!(py, "dis"))?;
    let instructions =
        python::call_method(&dis, intern!(py, "get_instructions"), &PyTuple::new(py, [code])?)?;
    let changed = PySet::empty(py)?;
    for instruction in python::list(&instructions)? {
        let operation: String = instruction.getattr(intern!(py, "opname"))?.extract()?;
        if CHANGES.iter().any(|change| operation.starts_with(change)) {
            let variable = instruction.getattr(intern!(py, "argval"))?;
            // Since Python 3.13, one instruction can change two variables.
            match variable.cast::<PyTuple>() {
                Ok(both) => both.iter().try_for_each(|one| changed.add(one))?,
                Err(_) => changed.add(variable)?,
            }
        }
    }
    Ok(changed)
}

/// The parameters of a code object that take positional arguments.
struct Parameters<'py> {
    names: Vec<Bound<'py, PyAny>>,
    /// The name of a parameter like `*arguments`.
    variable: Option<Bound<'py, PyAny>>,
}

impl<'py> Parameters<'py> {
    fn of(code: &Bound<'py, PyAny>) -> PyResult<Self> {
        let py = code.py();
        let number = |name| -> PyResult<usize> { code.getattr(name)?.extract() };
        let positional = number(intern!(py, "co_argcount"))?;
        let flags: u32 = code.getattr(intern!(py, "co_flags"))?.extract()?;
        let names = code.getattr(intern!(py, "co_varnames"))?.cast_into::<PyTuple>()?;
        let variable = if flags & HAS_VARIABLE_ARGUMENTS == 0 {
            None
        } else {
            // The names of keyword-only parameters come between.
            let place = positional.saturating_add(number(intern!(py, "co_kwonlyargcount"))?);
            Some(names.get_item(place)?)
        };
        Ok(Self { names: names.iter().take(positional).collect(), variable })
    }

    /// Returns the arguments that the variables of a frame hold. Those in variables that `is_changed` are lost.
    fn arguments(
        &self,
        variables: &Bound<'py, PyAny>,
        is_changed: impl Fn(&Bound<'py, PyAny>) -> bool,
    ) -> Vec<Argument<'py>> {
        let held = |name: &Bound<'py, PyAny>| {
            if is_changed(name) { None } else { variables.get_item(name).ok() }
        };
        let mut arguments: Vec<_> = self.names.iter().map(held).collect();
        match self.variable.as_ref().map(held) {
            None => {}
            Some(Some(more)) => {
                arguments.extend(more.cast::<PyTuple>().into_iter().flat_map(PyTupleMethods::iter).map(Some));
            }
            // They may have been the number and the frame.
            Some(None) => arguments.extend([None, None]),
        }
        arguments
    }
}
