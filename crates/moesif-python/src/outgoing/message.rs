//! Reads the objects of `requests`. What cannot be read is left out: recording must not raise.

use moesif::Exchange;
use pyo3::exceptions::PyMemoryError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyTuple};

use crate::convert::{lossy, with_text};
use crate::interruption::if_possible;
use crate::once::intern;
use crate::python;

/// Copies a `requests.PreparedRequest`. With `log_body`, copies its body too, if that is bytes or text.
///
/// Raises only what belongs to the host.
pub(super) fn read_request(
    request: &Bound<'_, PyAny>,
    log_body: bool,
    exchange: &mut Exchange,
) -> PyResult<()> {
    let py = request.py();
    let get = |name| python::attribute(request, name).ok();
    if let Some(method) = get(intern!(py, "method")) {
        with_text(&method, |method| exchange.set_verb(method));
    }
    if let Some(url) = get(intern!(py, "url")) {
        with_text(&url, |url| exchange.set_url(url));
    }
    for header in headers(request)? {
        header.read(|name, value| {
            if name.eq_ignore_ascii_case("Content-Length")
                && let Ok(length) = value.trim().parse()
            {
                exchange.set_declared_length(length);
            }
            exchange.add_request_header(name, value);
        });
    }
    if log_body && let Some(body) = get(intern!(py, "body")) {
        with_bytes(&body, |body| exchange.record_request_body(0, body));
    }
    Ok(())
}

/// Status and headers of a response.
pub(super) struct Head<'py> {
    status: Option<u16>,
    headers: Vec<Header<'py>>,
}

/// A name and a value: text or bytes.
struct Header<'py>(Bound<'py, PyAny>, Bound<'py, PyAny>);

/// Reads the head of a `requests.Response`. Raises only what belongs to the host.
pub(super) fn head<'py>(response: &Bound<'py, PyAny>) -> PyResult<Head<'py>> {
    let py = response.py();
    let status = python::attribute(response, intern!(py, "status_code")).ok();
    Ok(Head { status: status.and_then(|status| status.extract().ok()), headers: headers(response)? })
}

impl Head<'_> {
    /// Copies the head. Runs no Python.
    pub(super) fn record(&self, exchange: &mut Exchange) {
        if let Some(status) = self.status {
            exchange.set_status(status);
        }
        for header in &self.headers {
            header.read(|name, value| exchange.add_response_header(name, value));
        }
    }
}

/// Calls `read` with the content of a bytes object, or with a text in UTF-8. Does nothing for other objects.
pub(super) fn with_bytes(chunk: &Bound<'_, PyAny>, read: impl FnOnce(&[u8])) {
    if let Ok(bytes) = chunk.cast::<PyBytes>() {
        read(bytes.as_bytes());
    } else {
        with_text(chunk, |text| read(text.as_bytes()));
    }
}

/// Returns the headers of a message, with their case and order.
fn headers<'py>(message: &Bound<'py, PyAny>) -> PyResult<Vec<Header<'py>>> {
    let py = message.py();
    let mut fields = Vec::new();
    let read = (|| {
        let headers = python::attribute(message, intern!(py, "headers"))?;
        let items = python::call_method(&headers, intern!(py, "items"), &PyTuple::empty(py))?;
        let mut items = python::iterate(&items)?;
        while let Some(item) = python::next(&mut items)? {
            let (name, value) = item.extract::<(Bound<'_, PyAny>, Bound<'_, PyAny>)>()?;
            fields.try_reserve(1).map_err(|_| PyMemoryError::new_err(()))?;
            fields.push(Header(name, value));
        }
        Ok(())
    })();
    if_possible(py, read)?;
    Ok(fields)
}

impl Header<'_> {
    /// Calls `read` with the name and the value, if both are text or bytes.
    fn read(&self, read: impl FnOnce(&str, &str)) {
        let Self(name, value) = self;
        with_text_or_bytes(name, |name| with_text_or_bytes(value, |value| read(name, value)));
    }
}

/// Calls `read` with a text, or with the text of bytes. Returns `None` for other objects.
fn with_text_or_bytes<R>(value: &Bound<'_, PyAny>, read: impl FnOnce(&str) -> R) -> Option<R> {
    match value.cast::<PyBytes>() {
        Ok(bytes) => lossy(bytes.as_bytes()).map(|text| read(&text)),
        Err(_) => with_text(value, read),
    }
}
