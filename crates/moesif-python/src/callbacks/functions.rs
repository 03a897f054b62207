//! The application's functions of one set of settings, called in order.

use std::ops::ControlFlow;

use moesif::{Exchange, Governance};
use pyo3::prelude::*;
use pyo3::types::PyTuple;

use super::callback::Callback;
use super::step::Answer;
use super::{Moment, Side, Step};
use crate::gc::traverse;
use crate::guard::raising;

/// A record that answers are stored in.
pub(crate) trait Recipient {
    /// Changes the record. `None` if it has been handed over meanwhile. `change` must not run Python.
    fn change<T>(&mut self, change: impl FnOnce(&mut Exchange) -> T) -> Option<T>;
}

impl Recipient for Exchange {
    fn change<T>(&mut self, change: impl FnOnce(&mut Exchange) -> T) -> Option<T> {
        Some(change(self))
    }
}

/// The functions that one set of settings has.
pub(crate) struct Functions {
    /// Functions that are asked about a request and its response, in the order of [`Step`].
    asked: Vec<Callback>,
    mask: Option<Callback>,
}

traverse!(Functions { asked, mask });

impl Functions {
    pub(crate) fn new(given: Option<&Bound<'_, PyAny>>, side: Side) -> Self {
        Self {
            asked: Step::ASKED.into_iter().filter_map(|step| Callback::new(given, step, side)).collect(),
            mask: Callback::new(given, Step::Mask, side),
        }
    }

    /// Whether the settings have no function, or only the mask.
    pub(crate) fn is_empty(&self) -> bool {
        self.asked.is_empty()
    }

    /// The function that changes the event.
    pub(crate) fn mask(&self) -> Option<&Callback> {
        self.mask.as_ref()
    }

    /// Returns the steps whose function takes at most this many positional arguments.
    pub(crate) fn taking_at_most(&self, py: Python<'_>, arguments: usize) -> Vec<Step> {
        let few = self.asked.iter().filter(|callback| !callback.takes_argument(py, arguments));
        few.map(Callback::step).collect()
    }

    /// Whether governance rules need the answer of one of them before the application is called.
    pub(crate) fn are_needed_early(&self, rules: &Governance) -> bool {
        self.asked.iter().any(|callback| callback.step().is_needed_early(rules))
    }

    /// Calls the functions whose answers governance rules need before the application, and stores the
    /// answers. `arguments` is called before each function and returns its arguments.
    ///
    /// Raises what belongs to the host, and `MemoryError` if the arguments cannot be made. Without
    /// memory it may panic, so it must run in [`caught`](crate::guard::caught) or [`raising`].
    pub(crate) fn ask_early<'py>(
        &self,
        py: Python<'py>,
        rules: &Governance,
        record: &mut impl Recipient,
        arguments: impl Fn(Step) -> PyResult<Bound<'py, PyTuple>>,
    ) -> PyResult<()> {
        for callback in self.asked.iter().filter(|callback| callback.step().is_needed_early(rules)) {
            // No early step asks to leave the call out.
            let _ = ask(py, callback, Moment::Early, record, &arguments(callback.step())?)?;
        }
        Ok(())
    }

    /// Calls the functions about a call that has been answered, or has failed, and stores the answers.
    /// `arguments` is called before each function and returns its arguments. Returns `false` if the
    /// application wants the call left out.
    ///
    /// Raises what belongs to the host, and `MemoryError` if the arguments cannot be made. Without
    /// memory it may panic, so it must run in [`caught`](crate::guard::caught) or [`raising`].
    pub(crate) fn ask<'py>(
        &self,
        py: Python<'py>,
        record: &mut impl Recipient,
        arguments: impl Fn(Step) -> PyResult<Bound<'py, PyTuple>>,
    ) -> PyResult<bool> {
        for callback in &self.asked {
            let step = callback.step();
            if record.change(|exchange| step.is_answered(exchange)).unwrap_or(false) {
                continue;
            }
            if ask(py, callback, Moment::Answered, record, &arguments(step)?)?.is_break() {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

/// Calls one function and stores its answer. Breaks off if the application wants the call left out.
fn ask<'py>(
    py: Python<'py>,
    callback: &Callback,
    moment: Moment,
    record: &mut impl Recipient,
    arguments: &Bound<'py, PyTuple>,
) -> PyResult<ControlFlow<()>> {
    let step = callback.step();
    let answer = raising(|| callback.call(py, arguments, |result| step.read(result, record)));
    match answer {
        Ok(Some(Answer::Skip)) => return Ok(ControlFlow::Break(())),
        Ok(Some(answer)) => drop(record.change(|exchange| answer.store(exchange))),
        Ok(None) => {}
        Err(error) => {
            callback.report(py, moment, error)?;
            if moment == Moment::Early {
                record.change(|exchange| step.mark_unknown(exchange));
            }
        }
    }
    Ok(ControlFlow::Continue(()))
}
