//! Failures of the application's functions: counted, and the first of each kind logged.

use std::borrow::Cow;
use std::sync::atomic::{AtomicBool, Ordering};

use pyo3::prelude::*;

use crate::log;

/// When a function is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Moment {
    /// Before the application, because governance rules need the result.
    Early,
    /// Once the call has a response, or has failed.
    Answered,
}

/// The failures of one function.
pub(crate) struct Failures {
    /// The option that holds the function, or a description of what is done instead.
    name: Cow<'static, str>,
    /// What the record lacks after a failure. `None` if it lacks nothing.
    lost: Option<Cow<'static, str>>,
    is_early_logged: AtomicBool,
    is_logged: AtomicBool,
}

impl Failures {
    pub(crate) fn new(name: impl Into<Cow<'static, str>>, lost: Option<Cow<'static, str>>) -> Self {
        Self {
            name: name.into(),
            lost,
            is_early_logged: AtomicBool::new(false),
            is_logged: AtomicBool::new(false),
        }
    }

    /// Counts a failure. Logs it if it is the first at this moment.
    pub(crate) fn report(&self, py: Python<'_>, moment: Moment, error: &PyErr) {
        moesif::runtime::callback_failed();
        let is_logged = match moment {
            Moment::Early => &self.is_early_logged,
            Moment::Answered => &self.is_logged,
        };
        if is_logged.swap(true, Ordering::Relaxed) {
            return;
        }
        let Self { name, lost, .. } = self;
        let message = match moment {
            Moment::Early => format!(
                "{name} failed before the application was called: governance rules that need its result are \
                 not applied to the call. Further failures of it are not logged"
            ),
            Moment::Answered => {
                let without = lost.as_ref().map_or_else(String::new, |lost| format!(" without {lost}"));
                format!("{name} failed: the call is recorded{without}. Further failures of it are not logged")
            }
        };
        log::warn(py, "moesif.callbacks", &message, Some(error));
    }
}

/// [`Failures`] of a function that Python calls: `FailureLog(name, lost)`.
#[pyclass(frozen, module = "moesif._native")]
pub(crate) struct FailureLog {
    failures: Failures,
}

impl From<Failures> for FailureLog {
    fn from(failures: Failures) -> Self {
        Self { failures }
    }
}

#[pymethods]
impl FailureLog {
    #[new]
    fn new(name: String, lost: String) -> Self {
        Failures::new(name, Some(lost.into())).into()
    }

    /// Counts a failure. Logs it if it is the first, or the first before the application was called.
    fn report(&self, error: &Bound<'_, PyAny>, is_early: bool) {
        let moment = if is_early { Moment::Early } else { Moment::Answered };
        self.failures.report(error.py(), moment, &PyErr::from_value(error.clone()));
    }
}
