//! The application's functions: called with the documented arguments, isolated, their failures counted, and logged once each.
//!
//! An `Exception` a function raises is the function's alone; anything else (an exit, a keyboard interrupt, a greenlet
//! that is killed) belongs to the host and travels on (`docs/guarantees.md`, I-19).

use std::sync::atomic::{AtomicBool, Ordering};

use pyo3::exceptions::{PyException, PyTypeError};
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyDict, PyString, PyTuple};

use crate::{log, python, settings};

/// One function of the application.
pub(crate) struct Callback {
    option: &'static str,
    /// What a record lacks when the function fails.
    cost: &'static str,
    function: Py<PyAny>,
    has_failed: AtomicBool,
    has_failed_early: AtomicBool,
}

impl Callback {
    /// The function under an option, if it is set; `cost` says what a record lacks when it fails.
    pub(crate) fn new(
        given: Option<&Bound<'_, PyAny>>,
        option: &'static str,
        cost: &'static str,
    ) -> Option<Self> {
        Some(Self {
            option,
            cost,
            function: settings::function(given, option)?,
            has_failed: AtomicBool::new(false),
            has_failed_early: AtomicBool::new(false),
        })
    }

    /// Calls the function and reads its result; nothing when either raises an `Exception`.
    pub(crate) fn call<'py, T>(
        &self,
        py: Python<'py>,
        arguments: &Bound<'py, PyTuple>,
        read: impl FnOnce(&Bound<'py, PyAny>) -> PyResult<Option<T>>,
    ) -> PyResult<Option<T>> {
        self.isolated(py, arguments, read, |error| self.report(py, error))
    }

    /// The same before the application is called, where governance rules ask for the result; `failed` is called when there is
    /// none because of that.
    pub(crate) fn call_early<'py, T>(
        &self,
        py: Python<'py>,
        arguments: &Bound<'py, PyTuple>,
        read: impl FnOnce(&Bound<'py, PyAny>) -> PyResult<Option<T>>,
        failed: impl FnOnce(),
    ) -> PyResult<Option<T>> {
        const LACK: &str = " before the application was called: governance rules that ask for its result are not \
                            applied to the call";
        self.isolated(py, arguments, read, |error| {
            self.count(py, &self.has_failed_early, LACK, error);
            failed();
        })
    }

    fn isolated<'py, T>(
        &self,
        py: Python<'py>,
        arguments: &Bound<'py, PyTuple>,
        read: impl FnOnce(&Bound<'py, PyAny>) -> PyResult<Option<T>>,
        report: impl FnOnce(&PyErr),
    ) -> PyResult<Option<T>> {
        let result = python::call(self.function.bind(py), arguments, None).and_then(|result| {
            if is_pending(&result)? {
                let found = result.get_type().name()?;
                return Err(PyTypeError::new_err(format!(
                    "expected its result, found a {found}: it must not be async"
                )));
            }
            read(&result)
        });
        match result {
            Ok(result) => Ok(result),
            Err(error) if error.is_instance_of::<PyException>(py) => {
                report(&error);
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// Counts a failure, and logs the first.
    pub(crate) fn report(&self, py: Python<'_>, error: &PyErr) {
        self.count(py, &self.has_failed, &format!(": the call is recorded without {}", self.cost), error);
    }

    fn count(&self, py: Python<'_>, has_failed: &AtomicBool, consequence: &str, error: &PyErr) {
        moesif::runtime::callback_failed();
        if !has_failed.swap(true, Ordering::Relaxed) {
            let message =
                format!("{} failed{consequence}. Further failures of it are not logged", self.option);
            log::warn(py, "moesif.callbacks", &message, Some(error));
        }
    }

    pub(crate) fn traverse(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.function)
    }

    /// Whether the function takes a positional argument at this index (from 0). When Python cannot tell, it does.
    #[expect(clippy::disallowed_methods, reason = "a middleware is being made: nothing is being served")]
    pub(crate) fn takes_argument(&self, py: Python<'_>, index: usize) -> bool {
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

/// Whether this is not a result yet: a coroutine, another awaitable, a generator.
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
