//! `MASK_EVENT_MODEL`: the application changes an event before it is kept.
//!
//! The function is given `moesif.models` objects and returns one; what it returns is the event. Until it has, the exchange
//! is marked so that its content does not leave: an exception, nothing returned, or something that is no event a collector
//! would keep costs the content, never the secret, and never the call (`docs/guarantees.md`, I-24).

use moesif::Exchange;
use moesif_wire::{Event, Problem, ValidationError, limits};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};
use serde_json::value::RawValue;

use crate::callbacks::Callback;
use crate::guard::guarded;
use crate::{json, python};

/// Lets the function change the event. Raises only what is not an `Exception`.
pub(crate) fn apply(py: Python<'_>, function: &Callback, exchange: &mut Exchange) -> PyResult<()> {
    let arguments = match model(py, exchange).and_then(|model| PyTuple::new(py, model)) {
        Ok(arguments) => arguments,
        // The content stays where it is.
        Err(error) => {
            function.report(py, &error);
            return Ok(());
        }
    };
    if arguments.is_empty() {
        return Ok(());
    }
    let (weight, id) = (exchange.weight(), exchange.transaction_id());
    let masked = function.call(py, &arguments, |result| masked(result, weight, id).map(Some))?;
    if let Some(masked) = masked {
        exchange.set_document(masked);
    }
    Ok(())
}

/// The event as the function is given it. `None` when a fault of ours keeps it from being written.
pub(crate) fn model<'py>(py: Python<'py>, exchange: &Exchange) -> PyResult<Option<Bound<'py, PyAny>>> {
    let Some(document) = guarded(|| exchange.document()).flatten() else {
        return Ok(None);
    };
    let models = python::import(intern!(py, "moesif.models.event"))?;
    let document = (document,).into_pyobject(py)?;
    python::call_method(&models, intern!(py, "event_from_document"), &document).map(Some)
}

/// The event in what the function returned, of this weight, and with this id where it has none.
///
/// Raises `TypeError` and `ValueError` when it is none that a collector would keep, and what its values raise.
pub(crate) fn masked(
    result: &Bound<'_, PyAny>,
    weight: u64,
    transaction_id: &str,
) -> PyResult<Box<RawValue>> {
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
    // How many calls the event stands for is not the function's to decide, and without an id a repeated delivery could not
    // be told from a second call.
    document.set_item(intern!(py, "weight"), weight)?;
    let id = intern!(py, "transaction_id");
    if document.get_item(id)?.is_none_or(|id| id.is_none()) {
        document.set_item(id, transaction_id)?;
    }
    let document = json::object(&document, json::EVENT_BYTES)?;
    if let Err(ValidationError { field, problem }) =
        Event::parse(&document).and_then(|event| limits::check_event(&event))
    {
        // What was found may be what the function is there to hide.
        let what = match problem {
            Problem::Unexpected { expected, .. } => format!("expected {expected}"),
            Problem::Unreadable(_) => "cannot be read".to_owned(),
        };
        return Err(PyValueError::new_err(format!("what it returned is no event: {field}: {what}")));
    }
    Ok(document)
}
