//! Reading a Django request without touching what has effects: no `get_host()`, no session, no user.

use moesif::Exchange;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyTuple};

use crate::convert::with_text;
use crate::python;
use crate::record::Record;
use crate::wsgi::environ::{self, Origin, RequestHead};
use crate::wsgi::input::{self, Lending, ReadAhead};

/// What a request says of itself.
pub(super) struct Head {
    pub(super) request: RequestHead,
    /// The whole body has come before any middleware was called: Django has it in a file.
    pub(super) is_spooled: bool,
}

/// Copies the request's head from `request.META`, which is `environ` under WSGI and made by Django under ASGI. `settings` are
/// Django's.
///
/// Raises only what is not an `Exception`.
pub(super) fn read(
    request: &Bound<'_, PyAny>,
    settings: &Bound<'_, PyAny>,
    exchange: &mut Exchange,
) -> PyResult<Option<Head>> {
    let py = request.py();
    let meta = python::if_possible(py, python::attribute(request, intern!(py, "META")))?;
    let Some(meta) = meta.and_then(|meta| meta.cast_into::<PyDict>().ok()) else {
        return Ok(None);
    };
    let is_set =
        |name| python::attribute(settings, name).is_ok_and(|value| value.is_truthy().unwrap_or(true));
    let wsgi_scheme = meta.get_item(intern!(py, "wsgi.url_scheme")).ok().flatten();
    let is_wsgi = wsgi_scheme.is_some();
    let scheme = match wsgi_scheme {
        Some(scheme) if !is_set(intern!(py, "SECURE_PROXY_SSL_HEADER")) => Some(scheme),
        // Knows about that setting, and raises when it is nonsense.
        _ => python::if_possible(py, python::attribute(request, intern!(py, "scheme")))?,
    };
    let scheme = scheme.and_then(|scheme| with_text(&scheme, str::to_owned)).unwrap_or_default();
    // What `get_host()` checks, unchecked.
    let host = if is_set(intern!(py, "USE_X_FORWARDED_HOST")) || is_set(intern!(py, "USE_X_FORWARDED_PORT")) {
        let host = python::call_method(request, intern!(py, "_get_raw_host"), &PyTuple::empty(py));
        python::if_possible(py, host)?.and_then(|host| with_text(&host, str::to_owned))
    } else {
        None
    };
    // Django decodes the path in any case; the query is as the server gave it under WSGI.
    let origin = Origin {
        scheme: &scheme,
        host: host.as_deref(),
        path_is_text: true,
        query_is_text: !is_wsgi,
        knows_cgi: false,
    };
    let mut head = environ::read_from(&meta, &origin, exchange);
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

/// The length of a body that is in a file. Raises what its methods raise.
pub(super) fn spooled_length(request: &Bound<'_, PyAny>) -> PyResult<u64> {
    let py = request.py();
    let stream = python::attribute(request, intern!(py, "_stream"))?;
    let none = PyTuple::empty(py);
    let tell = || python::call_method(&stream, intern!(py, "tell"), &none)?.extract::<u64>();
    let seek = |to: (u64, u8)| python::call_method(&stream, intern!(py, "seek"), &to.into_pyobject(py)?);
    let begin = tell()?;
    seek((0, 2))?;
    let end = tell()?;
    seek((begin, 0))?;
    Ok(end.saturating_sub(begin))
}

/// Whether somebody has begun to read the body.
fn is_read(request: &Bound<'_, PyAny>) -> bool {
    let started = python::attribute(request, intern!(request.py(), "_read_started"));
    started.is_ok_and(|started| started.is_truthy().unwrap_or(true))
}

/// Lends the body to functions that are asked before the view. `None` where somebody has begun to read it.
pub(super) fn lend(
    request: &Bound<'_, PyAny>,
    record: &Record,
    known: Option<ReadAhead>,
    announced: Option<u64>,
) -> PyResult<Option<Lending>> {
    if is_read(request) {
        return Ok(None);
    }
    let stream = python::attribute(request, intern!(request.py(), "_stream"))?;
    Lending::new(&stream, record, known, announced).map(Some)
}

/// Has the request read from this stream, as if nothing had been read before.
pub(super) fn read_from(request: &Bound<'_, PyAny>, stream: &Bound<'_, PyAny>) -> PyResult<()> {
    let py = request.py();
    let attributes = python::attribute(request, intern!(py, "__dict__"))?.cast_into::<PyDict>()?;
    if is_read(request) {
        // What Django has made of it.
        for key in ["_body", "_post", "_files", "_post_parse_error", "_upload_handlers"] {
            if attributes.contains(key)? {
                request.delattr(key)?;
            }
        }
    }
    request.setattr(intern!(py, "_stream"), stream)?;
    request.setattr(intern!(py, "_read_started"), false)
}

/// Puts a recording stream in the place of the one the request reads its body from. With `read_first`, that many bytes are
/// read now, and returned. One that has been read already is recorded as it was.
///
/// Raises only what is not an `Exception`, met while reading.
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
    // A middleware around us may have begun to read: what is left of the stream is not the body.
    if is_read(request) {
        record_body_that_was_read(request, record);
        return Ok(None);
    }
    let Some(length) = read_first else {
        drop(request.setattr(key, input::recorded_closable(stream, record)?));
        return Ok(None);
    };
    let read = input::read_ahead(&stream, record, length)?;
    drop(request.setattr(key, read.stream(py)?));
    Ok(Some(read))
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
