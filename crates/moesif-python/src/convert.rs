//! Conversions between Python values and text.

use std::borrow::Cow;

use moesif::call::MAX_ID_BYTES;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyString;

use crate::python;

/// Longest session token in bytes.
const MAX_TOKEN_BYTES: usize = moesif_wire::limits::TOKEN;

/// Returns the text of an id: text as it is, any other value as its `str()`. `None` for a value that is false
/// in Python.
///
/// Raises `ValueError` for a text that is too long for an id.
pub(crate) fn id_text(value: &Bound<'_, PyAny>) -> PyResult<Option<String>> {
    short_text(value, MAX_ID_BYTES)
}

/// Returns the text of a session token, as [`id_text`] does.
pub(crate) fn token_text(value: &Bound<'_, PyAny>) -> PyResult<Option<String>> {
    short_text(value, MAX_TOKEN_BYTES)
}

fn short_text(value: &Bound<'_, PyAny>, max_bytes: usize) -> PyResult<Option<String>> {
    if !python::truth(value)? {
        return Ok(None);
    }
    let text = match value.cast::<PyString>() {
        Ok(text) => text.to_string_lossy().into_owned(),
        Err(_) => python::text(value)?.to_string_lossy().into_owned(),
    };
    if text.len() > max_bytes {
        return Err(PyValueError::new_err(format!(
            "the result is {} bytes long: expected at most {max_bytes}",
            text.len()
        )));
    }
    Ok(Some(text).filter(|text| !text.is_empty()))
}

/// Returns a header's value as the "native string" of PEP 3333: each character stands for a byte of its
/// UTF-8.
pub(crate) fn native(text: &str) -> Cow<'_, str> {
    if text.is_ascii() { Cow::Borrowed(text) } else { text.bytes().map(char::from).collect() }
}

/// Calls `read` with the text of a Python string. Returns `None` for other objects. A lone surrogate becomes
/// U+FFFD.
pub(crate) fn with_text<T, R>(value: &Bound<'_, T>, read: impl FnOnce(&str) -> R) -> Option<R> {
    let text = value.as_any().cast::<PyString>().ok()?;
    Some(match text.to_str() {
        Ok(text) => read(text),
        Err(_) => read(&text.to_string_lossy()),
    })
}
