//! Reads the objects of `requests`. What cannot be read is left out: recording must not raise.

use moesif::Exchange;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyString, PyTuple};

use crate::convert::with_text;
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
    for Header { name, value } in headers(request)? {
        if name.eq_ignore_ascii_case("Content-Length")
            && let Ok(length) = value.trim().parse()
        {
            exchange.set_declared_length(length);
        }
        exchange.add_request_header(&name, &value);
    }
    if log_body && let Some(body) = get(intern!(py, "body")) {
        with_bytes(&body, |body| exchange.record_request_body(0, body));
    }
    Ok(())
}

/// Status and headers of a response.
pub(super) struct Head {
    status: Option<u16>,
    headers: Vec<Header>,
}

struct Header {
    name: String,
    value: String,
}

/// Reads the head of a `requests.Response`. Raises only what belongs to the host.
pub(super) fn head(response: &Bound<'_, PyAny>) -> PyResult<Head> {
    let py = response.py();
    let status = python::attribute(response, intern!(py, "status_code")).ok();
    Ok(Head { status: status.and_then(|status| status.extract().ok()), headers: headers(response)? })
}

impl Head {
    pub(super) fn record(&self, exchange: &mut Exchange) {
        if let Some(status) = self.status {
            exchange.set_status(status);
        }
        for Header { name, value } in &self.headers {
            exchange.add_response_header(name, value);
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
fn headers(message: &Bound<'_, PyAny>) -> PyResult<Vec<Header>> {
    let py = message.py();
    let mut fields = Vec::new();
    let read = (|| {
        let headers = python::attribute(message, intern!(py, "headers"))?;
        let items = python::call_method(&headers, intern!(py, "items"), &PyTuple::empty(py))?;
        let mut items = python::iterate(&items)?;
        while let Some(item) = python::next(&mut items)? {
            let (name, value) = item.extract::<(Bound<'_, PyAny>, Bound<'_, PyAny>)>()?;
            if let (Some(name), Some(value)) = (text(&name), text(&value)) {
                fields.push(Header { name, value });
            }
        }
        Ok(())
    })();
    if_possible(py, read)?;
    Ok(fields)
}

/// Returns the name or value of a header, which may be bytes.
fn text(value: &Bound<'_, PyAny>) -> Option<String> {
    match value.cast::<PyBytes>() {
        Ok(bytes) => Some(String::from_utf8_lossy(bytes.as_bytes()).into_owned()),
        Err(_) => value.cast::<PyString>().ok().and_then(|text| with_text(text, str::to_owned)),
    }
}
