//! One function of the application.

use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyDict, PyString, PyTuple};

use super::{Failures, Moment, Side, Step};
use crate::gc::traverse;
use crate::interruption::belongs_to_host;
use crate::once::intern;
use crate::{python, settings};

/// One function of the application, and its failures.
pub(crate) struct Callback {
    step: Step,
    function: Py<PyAny>,
    failures: Failures,
}

traverse!(Callback { function });

impl Callback {
    /// Returns the function that the settings have for a step, if they have one.
    pub(super) fn new(given: Option<&Bound<'_, PyAny>>, step: Step, side: Side) -> Option<Self> {
        let function = settings::function(given, step.option(side))?;
        Some(Self { step, function, failures: step.failures(side) })
    }

    pub(super) const fn step(&self) -> Step {
        self.step
    }

    /// Calls the function and reads its result. Raises what either raises: pass it to [`Callback::report`].
    pub(super) fn call<'py, T>(
        &self,
        py: Python<'py>,
        arguments: &Bound<'py, PyTuple>,
        read: impl FnOnce(&Bound<'py, PyAny>) -> PyResult<T>,
    ) -> PyResult<T> {
        let result = python::call(self.function.bind(py), arguments, None)?;
        if is_pending(&result)? {
            let found = result.get_type().name()?;
            return Err(PyTypeError::new_err(format!(
                "expected a result, found a {found}: the function must not be async or a generator"
            )));
        }
        read(&result)
    }

    /// Counts a failure of the function, and logs the first. Raises what belongs to the host.
    pub(super) fn report(&self, py: Python<'_>, moment: Moment, error: PyErr) -> PyResult<()> {
        if belongs_to_host(py, &error) {
            return Err(error);
        }
        self.failures.report(py, moment, &error);
        Ok(())
    }

    /// Whether the function takes a positional argument at this index (from 0). Assumes so if Python does not
    /// know.
    #[expect(clippy::disallowed_methods, reason = "a middleware is being made: nothing is being served")]
    pub(super) fn takes_argument(&self, py: Python<'_>, index: usize) -> bool {
        let count = || -> PyResult<bool> {
            let inspect = py.import("inspect")?;
            let signature = inspect.call_method1("signature", (&self.function,))?;
            let mut positional = 0_usize;
            for parameter in signature.getattr("parameters")?.call_method0("values")?.try_iter()? {
                match parameter?.getattr("kind")?.getattr("name")?.extract::<String>()?.as_str() {
                    "VAR_POSITIONAL" => return Ok(true),
                    "POSITIONAL_ONLY" | "POSITIONAL_OR_KEYWORD" => positional += 1,
                    _ => {}
                }
            }
            Ok(positional > index)
        };
        count().unwrap_or(true)
    }
}

/// Whether this is not a result yet: a coroutine, another awaitable, or a generator.
fn is_pending(result: &Bound<'_, PyAny>) -> PyResult<bool> {
    let py = result.py();
    let is_plain = result.is_none()
        || result.is_exact_instance_of::<PyString>()
        || result.is_exact_instance_of::<PyBool>()
        || result.is_exact_instance_of::<PyDict>();
    if is_plain {
        return Ok(false);
    }
    let class = result.get_type();
    Ok(class.hasattr(intern!(py, "__await__"))?
        || class.hasattr(intern!(py, "__anext__"))?
        || class.hasattr(intern!(py, "gi_frame"))?)
}
