//! The end of a record.

use moesif::Exchange;
use moesif_wire::Body;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyString};

use super::middleware::Configured;
use crate::guard::guarded;
use crate::once::intern;
use crate::request::{Record, deliver, is_sampled, settle};
use crate::{convert, json};

/// Ends a record: calls the application's functions and hands it over.
///
/// Raises only what belongs to the host, met in one of the functions.
pub(super) fn finish(
    mut exchange: Box<Exchange>,
    configured: &Configured,
    environ: &Bound<'_, PyDict>,
) -> PyResult<()> {
    let py = environ.py();
    let Configured { client, functions, app, .. } = configured;
    exchange.finish();
    if functions.callbacks().mask().is_some() {
        exchange.strip_content();
    }
    let mut is_wanted = Ok(true);
    if !functions.is_empty() {
        let key = intern!(py, "wsgi.input");
        let input = environ.get_item(key).ok().flatten();
        let body = PyBytes::new(py, exchange.request_body_bytes());
        publish(&exchange, environ);
        is_wanted = functions.ask(&mut *exchange, app.bind(py), environ, &body);
        // A middleware around us may go on reading where the application stopped.
        if let Some(input) = input {
            drop(environ.set_item(key, input));
        }
    }
    match is_wanted {
        Ok(true) => deliver(py, client, functions.callbacks(), exchange),
        Ok(false) => {
            settle(client, |client| client.skip(exchange));
            Ok(())
        }
        Err(exit) => {
            finish_unasked(exchange, configured);
            Err(exit)
        }
    }
}

/// Ends a record after an exit or a time limit has ended a function: no function is called any more. Content
/// that the mask should see is not sent.
pub(super) fn finish_unasked(mut exchange: Box<Exchange>, configured: &Configured) {
    let Configured { client, functions, .. } = configured;
    exchange.finish();
    if functions.callbacks().mask().is_some() {
        exchange.strip_content();
    }
    let is_kept = is_sampled(client, &mut exchange);
    settle(client, |client| if is_kept { client.record(exchange) } else { client.sample_out(exchange) });
}

/// Puts the request body where functions look for it, before the application runs.
pub(super) fn publish_request_body(record: &Record, environ: &Bound<'_, PyDict>) {
    // This runs Python, so the exchange must not be locked meanwhile.
    if let Some(exchange) = record.take() {
        publish(&exchange, environ);
        record.put_back(exchange);
    }
}

/// Sets `environ['moesif.request_body']`: to the parsed JSON document, or to the body in base64, or to `None`
/// if none was read.
fn publish(exchange: &Exchange, environ: &Bound<'_, PyDict>) {
    let py = environ.py();
    let key = intern!(py, "moesif.request_body");
    if environ.contains(key).unwrap_or(true) {
        return;
    }
    let body = guarded(|| exchange.request_body().body).flatten();
    let base64 = |bytes: &[u8]| convert::base64(&PyBytes::new(py, bytes)).map(Bound::into_any);
    let value = match &body {
        None => Ok(py.None().into_bound(py)),
        Some(Body::Json(text)) => {
            json::parse(py, text.get()).or_else(|_| base64(exchange.request_body_bytes()))
        }
        Some(Body::Bytes(bytes)) => base64(bytes),
        Some(Body::Base64(text)) => Ok(PyString::new(py, text).into_any()),
    };
    if let Ok(value) = value {
        drop(environ.set_item(key, value));
    }
}
