//! Reads a Django request without causing effects: never calls `get_host()`, never touches the session or the
//! user.

use moesif::Exchange;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyTuple};

use crate::convert::with_text;
use crate::interruption::if_possible;
use crate::once::intern;
use crate::python;
use crate::request::head::{self, Origin, RequestHead};
use crate::request::{ReadAhead, Record, RecordedStream};

/// The head of a request.
#[derive(Clone, Copy)]
pub(super) struct Head {
    pub(super) request: RequestHead,
    /// Whether the whole body has arrived before any middleware is called: under ASGI, Django keeps it in a
    /// file.
    pub(super) is_spooled: bool,
}

/// Copies the head of a request from `request.META`, which is `environ` under WSGI, and which Django makes
/// under ASGI. `settings` is `django.conf.settings`.
///
/// Raises only what belongs to the host.
pub(super) fn read(
    request: &Bound<'_, PyAny>,
    settings: &Bound<'_, PyAny>,
    exchange: &mut Exchange,
) -> PyResult<Option<Head>> {
    let py = request.py();
    let meta = if_possible(py, python::attribute(request, intern!(py, "META")))?;
    let Some(meta) = meta.and_then(|meta| meta.cast_into::<PyDict>().ok()) else {
        return Ok(None);
    };
    let is_set =
        |name| python::attribute(settings, name).is_ok_and(|value| value.is_truthy().unwrap_or(true));
    let wsgi_scheme = meta.get_item(intern!(py, "wsgi.url_scheme")).ok().flatten();
    let is_wsgi = wsgi_scheme.is_some();
    let scheme = match wsgi_scheme {
        Some(scheme) if !is_set(intern!(py, "SECURE_PROXY_SSL_HEADER")) => Some(scheme),
        // Django applies the setting here, and raises if its value is not valid.
        _ => if_possible(py, python::attribute(request, intern!(py, "scheme")))?,
    };
    let scheme = scheme.and_then(|scheme| with_text(&scheme, str::to_owned)).unwrap_or_default();
    // The host that `get_host()` would check against ALLOWED_HOSTS.
    let host = if is_set(intern!(py, "USE_X_FORWARDED_HOST")) || is_set(intern!(py, "USE_X_FORWARDED_PORT")) {
        let host = python::call_method(request, intern!(py, "_get_raw_host"), &PyTuple::empty(py));
        if_possible(py, host)?.and_then(|host| with_text(&host, str::to_owned))
    } else {
        None
    };
    // Django always decodes the path. Under WSGI the query is as the server gave it.
    let origin = Origin {
        scheme: &scheme,
        host: host.as_deref(),
        path_is_text: true,
        query_is_text: !is_wsgi,
        has_cgi_authorization: false,
    };
    let mut head = head::read(&meta, &origin, exchange);
    // In upper case, as views see it.
    if let Ok(method) = python::attribute(request, intern!(py, "method")) {
        with_text(&method, |method| exchange.set_verb(method));
    }
    if !is_wsgi {
        head.may_have_body |= meta
            .get_item(intern!(py, "REQUEST_METHOD"))
            .ok()
            .flatten()
            .and_then(|method| with_text(&method, |method| !matches!(method, "GET" | "HEAD" | "OPTIONS")))
            .unwrap_or(false);
    }
    Ok(Some(Head { request: head, is_spooled: !is_wsgi }))
}

/// Returns the length of a body that is in a file. Raises what the file's methods raise.
pub(super) fn spooled_length(request: &Bound<'_, PyAny>) -> PyResult<u64> {
    let py = request.py();
    let stream = python::attribute(request, intern!(py, "_stream"))?;
    let none = PyTuple::empty(py);
    let tell = || python::call_method(&stream, intern!(py, "tell"), &none)?.extract::<u64>();
    let seek = |to: (u64, u8)| python::call_method(&stream, intern!(py, "seek"), &to.into_pyobject(py)?);
    let start = tell()?;
    seek((0, 2))?;
    let end = tell()?;
    seek((start, 0))?;
    Ok(end.saturating_sub(start))
}

/// Whether reading the body has begun.
fn is_read(request: &Bound<'_, PyAny>) -> bool {
    let started = python::attribute(request, intern!(request.py(), "_read_started"));
    started.is_ok_and(|started| started.is_truthy().unwrap_or(true))
}

/// Returns the stream that the request reads its body from. `None` if reading has begun.
pub(super) fn unread_stream<'py>(request: &Bound<'py, PyAny>) -> PyResult<Option<Bound<'py, PyAny>>> {
    if is_read(request) {
        return Ok(None);
    }
    python::attribute(request, intern!(request.py(), "_stream")).map(Some)
}

/// Makes the request read its body from a stream, as if nothing had been read before.
pub(super) fn set_stream(request: &Bound<'_, PyAny>, stream: &Bound<'_, PyAny>) -> PyResult<()> {
    let py = request.py();
    let attributes = python::attribute(request, intern!(py, "__dict__"))?.cast_into::<PyDict>()?;
    if is_read(request) {
        // Attributes that Django has derived from the body.
        for key in ["_body", "_post", "_files", "_post_parse_error", "_upload_handlers"] {
            if attributes.contains(key)? {
                request.delattr(key)?;
            }
        }
    }
    request.setattr(intern!(py, "_stream"), stream)?;
    request.setattr(intern!(py, "_read_started"), false)
}

/// Replaces the stream that the request reads its body from, so that what is read is recorded. With
/// `read_first`, reads that many bytes now and returns them. Records a body that has been read already.
///
/// Raises only what belongs to the host, met while reading.
pub(super) fn record_body(
    request: &Bound<'_, PyAny>,
    record: &Record,
    read_first: Option<u64>,
) -> PyResult<Option<ReadAhead>> {
    let py = request.py();
    let key = intern!(py, "_stream");
    let Ok(stream) = python::attribute(request, key) else {
        return Ok(None);
    };
    // If a middleware around us has begun to read, the rest of the stream is not the whole body.
    if is_read(request) {
        record_kept_body(request, record);
        return Ok(None);
    }
    let Some(length) = read_first else {
        drop(request.setattr(key, RecordedStream::wrap_closable(stream, record)?));
        return Ok(None);
    };
    let read = ReadAhead::read(&stream, record, length)?;
    drop(request.setattr(key, read.stream(py)?));
    Ok(Some(read))
}

/// Records a body that Django has read before us and keeps.
pub(super) fn record_kept_body(request: &Bound<'_, PyAny>, record: &Record) {
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
