//! Small conversions from Python values.

use pyo3::prelude::*;
use pyo3::types::PyString;

/// The text of an id: text as it is, anything else as `str()` gives it. `None` for what Python takes as false.
pub(crate) fn id_text(value: &Bound<'_, PyAny>) -> PyResult<Option<String>> {
    if !value.is_truthy()? {
        return Ok(None);
    }
    let text = match value.cast::<PyString>() {
        Ok(text) => text.to_string_lossy().into_owned(),
        Err(_) => value.str()?.to_string_lossy().into_owned(),
    };
    Ok(Some(text).filter(|text| !text.is_empty()))
}

/// Calls `read` with the text of a Python string; what is no string reads as nothing. A lone surrogate becomes U+FFFD.
pub(crate) fn with_text<T, R>(value: &Bound<'_, T>, read: impl FnOnce(&str) -> R) -> Option<R> {
    let text = value.as_any().cast::<PyString>().ok()?;
    Some(match text.to_str() {
        Ok(text) => read(text),
        Err(_) => read(&text.to_string_lossy()),
    })
}
