//! Conversions between Python values and text.

use std::borrow::Cow;

use moesif::call::MAX_ID_BYTES;
use moesif::memory::is_available;
use pyo3::exceptions::{PyMemoryError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyByteArray, PyBytes, PyMemoryView, PyString, PyTuple};

use crate::once::intern;
use crate::python;

/// Longest session token in bytes.
const MAX_TOKEN_BYTES: usize = moesif_wire::limits::TOKEN;

/// Returns the text of an id: text as it is, bytes as [`text_of_bytes`] says, any other value as its `str()`.
/// `None` for a value that is false in Python.
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
    let check = |bytes: usize| {
        if bytes <= max_bytes {
            return Ok(());
        }
        Err(PyValueError::new_err(format!("the result is {bytes} bytes long: expected at most {max_bytes}")))
    };
    // Only a short text is copied: copying a long one could fail.
    let copied = |text: Cow<'_, str>| check(text.len()).map(|()| text.into_owned());
    let text = if let Ok(text) = value.cast::<PyString>() {
        check(text.len()?)?;
        copied(text.to_string_lossy())?
    } else if let Some(bytes) = as_bytes(value)? {
        check(bytes.as_bytes().len())?;
        copied(text_of_bytes(&bytes)?)?
    } else {
        copied(python::text(value)?.to_string_lossy())?
    };
    Ok(Some(text).filter(|text| !text.is_empty()))
}

/// Returns a copy as a bytes object. Raises `MemoryError` if there is no memory for it, where
/// [`PyBytes::new`] panics.
pub(crate) fn copied<'py>(py: Python<'py>, bytes: &[u8]) -> PyResult<Bound<'py, PyBytes>> {
    PyBytes::new_with(py, bytes.len(), |copy| {
        copy.copy_from_slice(bytes);
        Ok(())
    })
}

/// Returns the content of bytes, a bytearray or a memoryview. `None` for other objects.
pub(crate) fn as_bytes<'py>(value: &Bound<'py, PyAny>) -> PyResult<Option<Bound<'py, PyBytes>>> {
    if let Ok(bytes) = value.cast::<PyBytes>() {
        return Ok(Some(bytes.clone()));
    }
    if !value.is_instance_of::<PyByteArray>() && !value.is_instance_of::<PyMemoryView>() {
        return Ok(None);
    }
    let py = value.py();
    let copy = python::call(&py.get_type::<PyBytes>(), &PyTuple::new(py, [value])?, None)?;
    Ok(Some(copy.cast_into()?))
}

/// Returns the text of bytes where text is expected, in ids, tokens and metadata: the bytes themselves if they
/// are UTF-8, else their base64.
pub(crate) fn text_of_bytes<'a>(bytes: &'a Bound<'_, PyBytes>) -> PyResult<Cow<'a, str>> {
    if let Ok(text) = std::str::from_utf8(bytes.as_bytes()) {
        return Ok(Cow::Borrowed(text));
    }
    let base64 = base64(bytes)?;
    let text = base64.to_str()?;
    if !is_available(text.len()) {
        return Err(PyMemoryError::new_err(()));
    }
    Ok(Cow::Owned(text.to_owned()))
}

/// Encodes bytes in base64.
pub(crate) fn base64<'py>(bytes: &Bound<'py, PyBytes>) -> PyResult<Bound<'py, PyString>> {
    let py = bytes.py();
    let base64 = python::import(intern!(py, "base64"))?;
    let encoded = python::call_method(&base64, intern!(py, "b64encode"), &PyTuple::new(py, [bytes])?)?;
    PyString::from_bytes(py, encoded.cast::<PyBytes>()?.as_bytes())
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
    match text.to_str() {
        Ok(text) => Some(read(text)),
        Err(_) if !has_memory_for_lossy(text.len().ok()?) => None,
        Err(_) => Some(read(&text.to_string_lossy())),
    }
}

/// Returns the text of bytes. What is not UTF-8 becomes U+FFFD. `None` if there is no memory for it.
pub(crate) fn lossy(bytes: &[u8]) -> Option<Cow<'_, str>> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Some(Cow::Borrowed(text)),
        Err(_) => has_memory_for_lossy(bytes.len()).then(|| String::from_utf8_lossy(bytes)),
    }
}

/// Returns whether so many characters or bytes can be decoded with U+FFFD: twice, because the text grows.
fn has_memory_for_lossy(count: usize) -> bool {
    is_available(count.saturating_mul(8))
}
