//! The end of a record.

use moesif::Exchange;
use moesif::delivery::DropReason;
use moesif_wire::Body;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyString};

use super::middleware::Configured;
use crate::convert::copied;
use crate::guard::{caught, guarded, raising};
use crate::interruption::belongs_to_host;
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
    let Configured { client, functions, .. } = configured;
    exchange.finish();
    if functions.callbacks().mask().is_some() {
        exchange.strip_content();
    }
    let is_wanted = if functions.is_empty() {
        Ok(true)
    } else {
        // Without answers, the call may not be wanted: it is lost.
        match caught(|| ask(&mut exchange, configured, environ)) {
            Ok(is_wanted) => is_wanted,
            Err(reason) => {
                drop(exchange);
                client.lose(reason);
                return Ok(());
            }
        }
    };
    match is_wanted {
        Ok(true) => deliver(py, client, functions.callbacks(), exchange),
        Ok(false) => {
            settle(client, |client| client.skip(exchange));
            Ok(())
        }
        Err(exit) if belongs_to_host(py, &exit) => {
            finish_unasked(exchange, configured);
            Err(exit)
        }
        Err(_) => {
            drop(exchange);
            client.lose(DropReason::Memory);
            Ok(())
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

/// Calls the application's functions. Returns whether the call is wanted.
///
/// Panics or raises `MemoryError` if there is no memory. Raises otherwise only what belongs to the host.
fn ask(exchange: &mut Exchange, configured: &Configured, environ: &Bound<'_, PyDict>) -> PyResult<bool> {
    let py = environ.py();
    let Configured { functions, app, .. } = configured;
    let key = intern!(py, "wsgi.input");
    let input = environ.get_item(key).ok().flatten();
    let body = PyBytes::new(py, exchange.request_body_bytes());
    publish(exchange, environ);
    let is_wanted = functions.ask(exchange, app.bind(py), environ, &body);
    // A middleware around us may go on reading where the application stopped.
    if let Some(input) = input {
        drop(environ.set_item(key, input));
    }
    is_wanted
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
    let base64 = |bytes: &[u8]| convert::base64(&copied(py, bytes)?).map(Bound::into_any);
    let value = raising(|| match &body {
        None => Ok(py.None().into_bound(py)),
        Some(Body::Json(text)) => {
            json::parse(py, text.get()).or_else(|_| base64(exchange.request_body_bytes()))
        }
        Some(Body::Bytes(bytes)) => base64(bytes),
        Some(Body::Base64(text)) => Ok(PyString::new(py, text).into_any()),
    });
    if let Ok(value) = value {
        drop(environ.set_item(key, value));
    }
}
