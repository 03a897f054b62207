//! Writes Python data as JSON text, and reads JSON text as Python data.
//!
//! Writing always ends, and accepts every kind of value (`docs/guarantees.md`, I-28). Depth and size are
//! limited. NaN and infinities become null, dates their ISO form, bytes text if they are UTF-8 and else
//! base64, sets arrays, and every other value its `str()`.

use std::io::Write;
use std::mem;

use moesif::memory::FallibleBuffer;
use pyo3::exceptions::{PyMemoryError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{
    PyBool, PyBytes, PyDict, PyFloat, PyFrozenSet, PyInt, PyIterator, PyList, PySet, PyString, PyTuple,
};
use serde_json::value::RawValue;

use crate::interruption::if_possible;
use crate::once::intern;
use crate::{convert, python};

/// Values nested deeper than this are written as null. More than a recorded body may have (100).
const MAX_DEPTH: usize = 200;
/// Longest metadata in bytes.
pub(crate) const METADATA_BYTES: usize = 450 * 1024;
/// Longest document of an event in bytes: enough for both bodies, metadata and headers.
pub(crate) const EVENT_BYTES: usize = 4 * 1024 * 1024;

/// Characters that a number in JSON can start with.
const NUMBER: [char; 11] = ['-', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9'];

/// Returns the JSON text of a dictionary.
///
/// Raises `ValueError` if it is not a dictionary or its text is longer than `max_bytes`, `MemoryError`, and
/// whatever the methods of its values raise.
pub(crate) fn object(value: &Bound<'_, PyAny>, max_bytes: usize) -> PyResult<Box<RawValue>> {
    if !python::is_mapping(value)? {
        return Err(PyValueError::new_err(format!(
            "expected a dictionary, found {}",
            value.get_type().name()?
        )));
    }
    let mut json = Writer { text: FallibleBuffer::default(), max_bytes, open: Vec::new() };
    json.document(value)?;
    let text = String::from_utf8(json.text.bytes)?;
    RawValue::from_string(text).map_err(|error| PyValueError::new_err(error.to_string()))
}

fn out_of_memory() -> PyErr {
    PyMemoryError::new_err(())
}

/// Returns the JSON text of metadata: a dictionary, or `None`. Raises what [`object`] raises.
pub(crate) fn metadata(result: &Bound<'_, PyAny>) -> PyResult<Option<Box<RawValue>>> {
    if result.is_none() { Ok(None) } else { object(result, METADATA_BYTES).map(Some) }
}

/// Parses a JSON document with Python's own parser.
pub(crate) fn parse<'py>(py: Python<'py>, json: &str) -> PyResult<Bound<'py, PyAny>> {
    let arguments = (json,).into_pyobject(py)?;
    python::call_method(&python::import(intern!(py, "json"))?, intern!(py, "loads"), &arguments)
}

/// Returns the ISO form of a date or time, from its own method. `None` for other values.
fn moment<'py>(value: &Bound<'py, PyAny>) -> PyResult<Option<Bound<'py, PyAny>>> {
    let py = value.py();
    let written = python::call_method(value, intern!(py, "isoformat"), &PyTuple::empty(py));
    if_possible(py, written)
}

/// Writes one document. Open containers are in a list, not on the stack: a thread of the application may have
/// a small stack.
struct Writer<'py> {
    text: FallibleBuffer,
    max_bytes: usize,
    open: Vec<Container<'py>>,
}

/// An object or array that is being written.
struct Container<'py> {
    /// The values of an array, or the pairs of key and value of an object.
    items: Bound<'py, PyIterator>,
    is_object: bool,
    is_empty: bool,
}

impl<'py> Writer<'py> {
    fn document(&mut self, value: &Bound<'py, PyAny>) -> PyResult<()> {
        self.value(value)?;
        while let Some(container) = self.open.last_mut() {
            let is_object = container.is_object;
            match python::next(&mut container.items)? {
                None => {
                    self.open.pop();
                    self.push(if is_object { "}" } else { "]" })?;
                }
                Some(item) => {
                    if !mem::replace(&mut container.is_empty, false) {
                        self.push(",")?;
                    }
                    if is_object {
                        let (key, value) = item.extract::<(Bound<'py, PyAny>, Bound<'py, PyAny>)>()?;
                        self.key(&key)?;
                        self.push(":")?;
                        self.value(&value)?;
                    } else {
                        self.value(&item)?;
                    }
                }
            }
            self.check(self.text.bytes.len())?;
        }
        Ok(())
    }

    fn push(&mut self, text: &str) -> PyResult<()> {
        self.text.write_all(text.as_bytes()).map_err(|_| out_of_memory())
    }

    fn check(&self, bytes: usize) -> PyResult<()> {
        if bytes <= self.max_bytes {
            return Ok(());
        }
        Err(PyValueError::new_err(format!("it is longer than {} bytes as JSON", self.max_bytes)))
    }

    /// Writes a scalar, or opens a container. [`Writer::document`] then writes its items.
    fn value(&mut self, value: &Bound<'py, PyAny>) -> PyResult<()> {
        if value.is_none() {
            self.push("null")?;
        } else if let Ok(text) = value.cast::<PyString>() {
            self.string(text)?;
        } else if let Ok(flag) = value.cast::<PyBool>() {
            self.push(if flag.is_true() { "true" } else { "false" })?;
        } else if value.is_instance_of::<PyInt>() {
            self.int(value)?;
        } else if let Ok(number) = value.cast::<PyFloat>() {
            self.float(number)?;
        } else if let Ok(map) = value.cast::<PyDict>() {
            // A copy of the items, because `str()` of a value may change the dictionary.
            self.container(map.items().as_any(), true)?;
        } else if value.is_instance_of::<PyList>()
            || value.is_instance_of::<PyTuple>()
            || value.is_instance_of::<PySet>()
            || value.is_instance_of::<PyFrozenSet>()
        {
            self.container(value, false)?;
        } else if let Some(bytes) = convert::as_bytes(value)? {
            self.bytes(&bytes)?;
        } else if python::is_mapping(value)? {
            let items =
                python::call_method(value, intern!(value.py(), "items"), &PyTuple::empty(value.py()))?;
            self.container(python::list(&items)?.as_any(), true)?;
        } else if let Some(moment) = moment(value)? {
            self.string(&python::text(&moment)?)?;
        } else {
            self.string(&python::text(value)?)?;
        }
        Ok(())
    }

    fn container(&mut self, items: &Bound<'py, PyAny>, is_object: bool) -> PyResult<()> {
        if self.open.len() >= MAX_DEPTH {
            self.push("null")?;
            return Ok(());
        }
        self.push(if is_object { "{" } else { "[" })?;
        self.open.push(Container { items: python::iterate(items)?, is_object, is_empty: true });
        Ok(())
    }

    /// Writes a key as Python's own encoder does: `True` as "true", 1 as "1". Bytes are written as in a value,
    /// other keys as their `str()`.
    fn key(&mut self, key: &Bound<'py, PyAny>) -> PyResult<()> {
        if let Ok(text) = key.cast::<PyString>() {
            return self.string(text);
        }
        if key.is_none() || key.is_instance_of::<PyBool>() {
            self.push("\"")?;
            self.value(key)?;
            self.push("\"")?;
            return Ok(());
        }
        if let Some(bytes) = convert::as_bytes(key)? {
            return self.bytes(&bytes);
        }
        self.string(&python::text(key)?)
    }

    /// Writes the plain number, even if a subclass of int has another `str()`, as an enum has.
    fn int(&mut self, value: &Bound<'_, PyAny>) -> PyResult<()> {
        if let Ok(number) = value.extract::<i64>() {
            return write!(self.text, "{number}").map_err(|_| out_of_memory());
        }
        let py = value.py();
        let number = python::call(&py.get_type::<PyInt>(), &PyTuple::new(py, [value])?, None)?;
        if let Ok(digits) = number.str() {
            self.push(&digits.to_string_lossy())?;
        } else {
            // Python refuses to print a number with thousands of digits in decimal.
            let format = PyTuple::new(py, ["#x"])?;
            let digits = python::call_method(&number, intern!(py, "__format__"), &format)?;
            self.string(digits.cast()?)?;
        }
        Ok(())
    }

    fn float(&mut self, number: &Bound<'_, PyFloat>) -> PyResult<()> {
        if !number.is_exact_instance_of::<PyFloat>()
            && let Some(text) = python::optional_attribute(number, intern!(number.py(), "json_text"))?
            && let Ok(text) = text.extract::<String>()
            && serde_json::from_str::<&RawValue>(&text).is_ok_and(|json| json.get().starts_with(NUMBER))
        {
            self.push(&text)?;
            return Ok(());
        }
        if number.value().is_finite() {
            let plain = PyFloat::new(number.py(), number.value());
            self.push(&plain.repr()?.to_string_lossy())?;
        } else {
            self.push("null")?;
        }
        Ok(())
    }

    fn bytes(&mut self, bytes: &Bound<'_, PyBytes>) -> PyResult<()> {
        self.check(bytes.as_bytes().len())?;
        self.quoted(&convert::text_of_bytes(bytes)?)
    }

    /// Writes text. Lone surrogates, which UTF-8 cannot hold, are escaped.
    fn string(&mut self, text: &Bound<'_, PyString>) -> PyResult<()> {
        self.check(text.len()?)?;
        if let Ok(text) = text.to_str() {
            return self.quoted(text);
        }
        let py = text.py();
        let json = python::import(intern!(py, "json"))?;
        let escaped = python::call_method(&json, intern!(py, "dumps"), &PyTuple::new(py, [text])?)?;
        self.push(escaped.cast::<PyString>()?.to_str()?)?;
        Ok(())
    }

    fn quoted(&mut self, text: &str) -> PyResult<()> {
        serde_json::to_writer(&mut self.text, text).map_err(|_| out_of_memory())
    }
}
