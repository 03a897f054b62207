//! Reading a Django request without touching what has effects: no `get_host()`, no session, no user.

use moesif::Exchange;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict};

use crate::convert::with_text;
use crate::python;
use crate::record::Record;
use crate::wsgi::environ::{self, Origin, RequestHead};
use crate::wsgi::input;

/// Copies the request's head from `request.META`, which is `environ` under WSGI and made by Django under ASGI.
pub(super) fn read(request: &Bound<'_, PyAny>, exchange: &mut Exchange) -> RequestHead {
    let py = request.py();
    let Some(meta) =
        python::attribute(request, intern!(py, "META")).ok().and_then(|meta| meta.cast_into::<PyDict>().ok())
    else {
        return RequestHead::default();
    };
    // Knows about SECURE_PROXY_SSL_HEADER, and raises when that is set to nonsense.
    let scheme = python::attribute(request, intern!(py, "scheme")).ok();
    let scheme = scheme.and_then(|scheme| with_text(&scheme, str::to_owned)).unwrap_or_default();
    let is_wsgi = meta.contains(intern!(py, "wsgi.url_scheme")).unwrap_or(false);
    // Django decodes the path in any case; the query is as the server gave it under WSGI.
    let origin = Origin { scheme: &scheme, path_is_text: true, query_is_text: !is_wsgi, knows_cgi: false };
    let mut head = environ::read_from(&meta, &origin, exchange);
    // In upper case, as views see it.
    if let Ok(method) = python::attribute(request, intern!(py, "method")) {
        with_text(&method, |method| exchange.set_verb(method));
    }
    if is_wsgi {
        return head;
    }
    // The body is here already, however long it said it would be.
    head.may_have_body |= meta
        .get_item(intern!(py, "REQUEST_METHOD"))
        .ok()
        .flatten()
        .and_then(|method| with_text(&method, |method| !matches!(method, "GET" | "HEAD" | "OPTIONS")))
        .unwrap_or(false);
    head
}

/// Puts a recording stream in the place of the one the request reads its body from. With `read_first`, that many bytes are
/// read now. One that has been read already is recorded as it was.
///
/// Raises only what is not an `Exception`, met while reading.
pub(super) fn record_body(
    request: &Bound<'_, PyAny>,
    record: &Record,
    read_first: Option<u64>,
) -> PyResult<()> {
    let py = request.py();
    let key = intern!(py, "_stream");
    let Ok(stream) = python::attribute(request, key) else {
        return Ok(());
    };
    // A middleware around us may have begun to read: what is left of the stream is not the body.
    if python::attribute(request, intern!(py, "_read_started"))
        .is_ok_and(|started| started.is_truthy().unwrap_or(true))
    {
        record_body_that_was_read(request, record);
        return Ok(());
    }
    let replaced = match read_first {
        Some(length) => input::read_ahead(&stream, record, length)?.stream(py)?,
        None => input::recorded_closable(stream, record)?,
    };
    drop(request.setattr(key, replaced));
    Ok(())
}

/// Records a body that was read before us, and kept by Django.
pub(super) fn record_body_that_was_read(request: &Bound<'_, PyAny>, record: &Record) {
    let py = request.py();
    let is_known = || record.update(|exchange| !exchange.request_body_bytes().is_empty()).unwrap_or(true);
    let attributes = python::attribute(request, intern!(py, "__dict__")).ok();
    let kept = attributes.and_then(|attributes| {
        attributes.cast_into::<PyDict>().ok()?.get_item(intern!(py, "_body")).ok().flatten()
    });
    if let Some(body) = kept.and_then(|body| body.cast_into::<PyBytes>().ok())
        && !is_known()
    {
        record.update(|exchange| exchange.record_request_body(0, body.as_bytes()));
    }
}
