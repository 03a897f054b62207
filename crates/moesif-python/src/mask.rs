//! `MASK_EVENT_MODEL`: the application changes an event before it is kept.
//!
//! The function is given `moesif.models` objects and returns one; what it returns is the event. Until it has, the exchange
//! is marked so that its content does not leave: an exception, nothing returned, or something that is no event costs the
//! content, never the secret (`docs/guarantees.md`, I-24).

use moesif::Exchange;
use pyo3::exceptions::PyTypeError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyMapping, PyTuple};

use crate::callbacks::Callback;
use crate::guard::guarded;
use crate::json;

/// Lets the function change the event. Raises only what is not an `Exception`.
pub(crate) fn apply(py: Python<'_>, function: &Callback, exchange: &mut Exchange) -> PyResult<()> {
    let Some(document) = guarded(|| exchange.document()).flatten() else {
        return Ok(());
    };
    let model = py
        .import("moesif.models.event")
        .and_then(|models| models.getattr("event_from_document")?.call1((document,)))
        .and_then(|model| PyTuple::new(py, [model]));
    let arguments = match model {
        Ok(arguments) => arguments,
        // Python cannot read what JSON can hold (an integer of thousands of digits): the content stays where it is.
        Err(error) => {
            function.report(py, &error);
            return Ok(());
        }
    };
    let weight = exchange.weight();
    let masked = function.call(py, &arguments, |result| {
        let dictionary = if result.cast::<PyMapping>().is_ok() {
            result.clone()
        } else if let Some(convert) = result.getattr_opt(intern!(py, "to_dictionary"))? {
            convert.call0()?
        } else {
            let found = result.get_type().name()?;
            return Err(PyTypeError::new_err(format!(
                "expected the event model to be returned, found {found}"
            )));
        };
        let document = PyDict::new(py);
        document.update(dictionary.cast()?)?;
        // How many calls the event stands for is not the function's to decide.
        document.set_item(intern!(py, "weight"), weight)?;
        json::object(&document, json::EVENT_BYTES).map(Some)
    })?;
    if let Some(masked) = masked {
        exchange.set_document(masked);
    }
    Ok(())
}
