//! Python data as JSON text, and JSON text as Python data.
//!
//! Writing never fails for an odd value and always ends: depth and size are limited, and what JSON cannot hold is
//! written as the nearest thing it can (`docs/guarantees.md`, I-28): NaN and infinities as null, dates in ISO form,
//! bytes as text where they are text and base64 where not, sets as arrays, anything else as its `str()`.

use std::fmt::Write;

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{
    PyBool, PyBytes, PyDict, PyFloat, PyFrozenSet, PyInt, PyList, PyMapping, PySet, PyString, PyTuple,
};
use serde_json::value::RawValue;

/// Values nested deeper than this are written as their `str()` would be cut: as null.
const MAX_DEPTH: usize = 100;
/// Longest document in bytes.
const MAX_BYTES: usize = 450 * 1024;

/// The JSON text of a dictionary.
///
/// Raises `ValueError` when it is no dictionary or its text is longer than 450 KiB, and whatever the values' own
/// methods raise.
pub(crate) fn object(value: &Bound<'_, PyAny>) -> PyResult<Box<RawValue>> {
    if value.cast::<PyMapping>().is_err() {
        return Err(PyValueError::new_err(format!(
            "expected a dictionary, found {}",
            value.get_type().name()?
        )));
    }
    let mut json = String::with_capacity(256);
    write_value(&mut json, value, 0)?;
    RawValue::from_string(json).map_err(|error| PyValueError::new_err(error.to_string()))
}

/// The Python value of a JSON document, by Python's own parser.
pub(crate) fn parse<'py>(py: Python<'py>, json: &str) -> PyResult<Bound<'py, PyAny>> {
    py.import("json")?.call_method1("loads", (json,))
}

fn write_value(json: &mut String, value: &Bound<'_, PyAny>, depth: usize) -> PyResult<()> {
    if json.len() > MAX_BYTES {
        return Err(PyValueError::new_err(format!("it is longer than {MAX_BYTES} bytes as JSON")));
    }
    if value.is_none() || depth > MAX_DEPTH {
        json.push_str("null");
    } else if let Ok(text) = value.cast::<PyString>() {
        write_text(json, text)?;
    } else if let Ok(flag) = value.cast::<PyBool>() {
        json.push_str(if flag.is_true() { "true" } else { "false" });
    } else if value.is_instance_of::<PyInt>() {
        write_int(json, value)?;
    } else if let Ok(number) = value.cast::<PyFloat>() {
        write_float(json, number)?;
    } else if let Ok(map) = value.cast::<PyDict>() {
        // A copy, because `str()` of a value may change the dictionary.
        write_object(json, map.items().iter(), depth)?;
    } else if value.is_instance_of::<PyList>()
        || value.is_instance_of::<PyTuple>()
        || value.is_instance_of::<PySet>()
        || value.is_instance_of::<PyFrozenSet>()
    {
        write_array(json, value, depth)?;
    } else if let Ok(bytes) = value.cast::<PyBytes>() {
        write_bytes(json, bytes)?;
    } else if let Ok(map) = value.cast::<PyMapping>() {
        write_object(json, map.items()?.iter(), depth)?;
    } else if let Ok(moment) = value.getattr("isoformat").and_then(|isoformat| isoformat.call0()) {
        write_value(json, &moment, depth + 1)?;
    } else {
        write_text(json, &value.str()?)?;
    }
    Ok(())
}

fn write_object<'py>(
    json: &mut String,
    items: impl Iterator<Item = Bound<'py, PyAny>>,
    depth: usize,
) -> PyResult<()> {
    json.push('{');
    for (position, item) in items.enumerate() {
        let (key, value) = item.extract::<(Bound<'_, PyAny>, Bound<'_, PyAny>)>()?;
        if position > 0 {
            json.push(',');
        }
        write_key(json, &key)?;
        json.push(':');
        write_value(json, &value, depth + 1)?;
    }
    json.push('}');
    Ok(())
}

/// Keys become text the way Python's own encoder does it: `True` is "true", 1 is "1", the rest is `str()`.
fn write_key(json: &mut String, key: &Bound<'_, PyAny>) -> PyResult<()> {
    if let Ok(text) = key.cast::<PyString>() {
        return write_text(json, text);
    }
    if key.is_none() || key.is_instance_of::<PyBool>() {
        json.push('"');
        write_value(json, key, 0)?;
        json.push('"');
        return Ok(());
    }
    write_text(json, &key.str()?)
}

fn write_array(json: &mut String, values: &Bound<'_, PyAny>, depth: usize) -> PyResult<()> {
    json.push('[');
    for (position, value) in values.try_iter()?.enumerate() {
        if position > 0 {
            json.push(',');
        }
        write_value(json, &value?, depth + 1)?;
    }
    json.push(']');
    Ok(())
}

/// A subclass of int may print itself differently (an enum does): the plain number is what JSON holds.
fn write_int(json: &mut String, value: &Bound<'_, PyAny>) -> PyResult<()> {
    if let Ok(number) = value.extract::<i64>() {
        // Writing to a String cannot fail.
        let _ = write!(json, "{number}");
        return Ok(());
    }
    let number = value.py().get_type::<PyInt>().call1((value,))?;
    match number.str() {
        Ok(digits) => json.push_str(&digits.to_string_lossy()),
        // Python refuses to print a number of thousands of digits in decimal.
        Err(_) => write_text(json, &number.call_method1("__format__", ("#x",))?.str()?)?,
    }
    Ok(())
}

fn write_float(json: &mut String, number: &Bound<'_, PyFloat>) -> PyResult<()> {
    if number.value().is_finite() {
        let plain = PyFloat::new(number.py(), number.value());
        json.push_str(&plain.repr()?.to_string_lossy());
    } else {
        json.push_str("null");
    }
    Ok(())
}

fn write_bytes(json: &mut String, bytes: &Bound<'_, PyBytes>) -> PyResult<()> {
    if let Ok(text) = std::str::from_utf8(bytes.as_bytes()) {
        push_quoted(json, text);
    } else {
        let encoded = bytes.py().import("base64")?.call_method1("b64encode", (bytes,))?;
        json.push('"');
        json.push_str(&String::from_utf8_lossy(encoded.cast::<PyBytes>()?.as_bytes()));
        json.push('"');
    }
    Ok(())
}

/// Python text may hold lone surrogates, which UTF-8 cannot; JSON can, as an escape.
fn write_text(json: &mut String, text: &Bound<'_, PyString>) -> PyResult<()> {
    if text.len()? > MAX_BYTES {
        return Err(PyValueError::new_err(format!("it is longer than {MAX_BYTES} bytes as JSON")));
    }
    if let Ok(text) = text.to_str() {
        push_quoted(json, text);
        return Ok(());
    }
    let escaped = text.py().import("json")?.call_method1("dumps", (text,))?;
    json.push_str(escaped.cast::<PyString>()?.to_str()?);
    Ok(())
}

fn push_quoted(json: &mut String, text: &str) {
    // Serialising a str cannot fail.
    json.push_str(&serde_json::to_string(text).unwrap_or_else(|_| "null".to_owned()));
}
