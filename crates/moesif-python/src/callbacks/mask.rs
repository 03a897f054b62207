//! `MASK_EVENT_MODEL`: the application changes an event before it is queued.
//!
//! The function receives a `moesif.models` object and returns one. What it returns becomes the event. Until
//! then the record is marked so that its content is not sent. If the function raises, returns nothing, or
//! returns something that a collector would refuse, the event is sent without its content
//! (`docs/guarantees.md`, I-24).

use moesif::Exchange;
use moesif_wire::{Event, Problem, ValidationError, limits};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};
use serde_json::value::RawValue;

use super::callback::Callback;
use super::{Moment, Step};
use crate::guard::{guarded, raising};
use crate::once::intern;
use crate::{json, python};

/// What the function cannot change about an event.
pub(crate) struct Kept {
    /// How many calls the event stands for.
    weight: u64,
    /// Used if the event has no id: without one, a repeated delivery would count as a second call.
    transaction_id: String,
}

impl Kept {
    pub(crate) fn of(exchange: &Exchange) -> Self {
        Self { weight: exchange.weight(), transaction_id: exchange.transaction_id().to_owned() }
    }
}

/// Has the function change the event. Raises only what belongs to the host.
pub(crate) fn apply(py: Python<'_>, function: &Callback, exchange: &mut Exchange) -> PyResult<()> {
    let masked = raising(|| {
        let Some(model) = model(py, exchange)? else {
            return Ok(None);
        };
        let arguments = PyTuple::new(py, [model])?;
        function.call(py, &arguments, |result| Step::Mask.read(result, exchange))
    });
    match masked {
        Ok(Some(event)) => event.store(exchange),
        Ok(None) => {}
        // The record stays marked: its content is not sent.
        Err(error) => function.report(py, Moment::Answered, error)?,
    }
    Ok(())
}

/// Returns the event as the function receives it. `None` if a fault in this package keeps it from being
/// written.
pub(crate) fn model<'py>(py: Python<'py>, exchange: &Exchange) -> PyResult<Option<Bound<'py, PyAny>>> {
    let Some(document) = guarded(|| exchange.document()).flatten() else {
        return Ok(None);
    };
    let models = python::import(intern!(py, "moesif.models.event"))?;
    let document = (document,).into_pyobject(py)?;
    python::call_method(&models, intern!(py, "event_from_document"), &document).map(Some)
}

/// Returns the event that the function returned, as JSON text.
///
/// Raises `TypeError` or `ValueError` if it is not an event that a collector would accept, and whatever its
/// values raise.
pub(super) fn masked(result: &Bound<'_, PyAny>, kept: &Kept) -> PyResult<Box<RawValue>> {
    let py = result.py();
    let mut fields = result.clone();
    if !python::is_mapping(&fields)?
        && let Some(convert) = python::optional_attribute(result, intern!(py, "to_dictionary"))?
    {
        fields = python::call(&convert, &PyTuple::empty(py), None)?;
    }
    if !python::is_mapping(&fields)? {
        let found = result.get_type().name()?;
        return Err(PyTypeError::new_err(format!("expected the event model to be returned, found {found}")));
    }
    let document = PyDict::new(py);
    python::call_method(&document, intern!(py, "update"), &PyTuple::new(py, [fields])?)?;
    document.set_item(intern!(py, "weight"), kept.weight)?;
    let id = intern!(py, "transaction_id");
    if document.get_item(id)?.is_none_or(|id| id.is_none()) {
        document.set_item(id, &kept.transaction_id)?;
    }
    let document = json::object(&document, json::EVENT_BYTES)?;
    if let Err(ValidationError { field, problem }) =
        Event::parse(&document).and_then(|event| limits::check_event(&event))
    {
        // The value that was found stays out of the message: it may be what the function should have removed.
        let what = match problem {
            Problem::Unexpected { expected, .. } => format!("expected {expected}"),
            Problem::Unreadable(_) => "cannot be read".to_owned(),
        };
        return Err(PyValueError::new_err(format!("the returned event is not valid: {field}: {what}")));
    }
    Ok(document)
}
