//! Governance rules under WSGI: what they need to know, and how one of them answers a call.

use moesif::Governance;
use moesif::governance::{Block, Decision};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};

use super::call::{Call, with_exit};
use super::finish;
use super::middleware::Configured;
use super::respond::respond;
use super::start_response::StartResponse;
use crate::convert::{copied, native};
use crate::guard::raising;
use crate::interruption::belongs_to_host;
use crate::once::intern;
use crate::python;
use crate::request::{EarlyBody, ReadAhead, governance};

/// Identifies the caller as far as the rules need it, and returns their decision. `known` is the request body
/// if it has been read already. A fault costs the rules, never the request.
///
/// Raises only what belongs to the host.
pub(super) fn decide(
    call: &Call,
    configured: &Configured,
    rules: &Governance,
    environ: &Bound<'_, PyDict>,
    known: Option<ReadAhead>,
) -> PyResult<Decision> {
    let py = environ.py();
    let faults = &configured.governance_faults;
    if configured.functions.callbacks().are_needed_early(rules) {
        identify(call, configured, rules, environ, known).or_else(|error| {
            if belongs_to_host(py, &error) {
                return Err(error);
            }
            faults.report(py, Some(&error));
            Ok(())
        })?;
    }
    Ok(governance::decide(py, rules, &call.record, faults))
}

fn identify(
    call: &Call,
    configured: &Configured,
    rules: &Governance,
    environ: &Bound<'_, PyDict>,
    known: Option<ReadAhead>,
) -> PyResult<()> {
    let py = environ.py();
    if known.is_some() {
        finish::publish_request_body(&call.record, environ);
    }
    let length = call.head.length_to_read_first(configured.client.policy());
    let key = intern!(py, "wsgi.input");
    let body = match environ.get_item(key)? {
        Some(input) if call.head.may_have_body => Some(EarlyBody::new(&input, &call.record, known, length)?),
        _ => None,
    };
    let rewind = || {
        if let Some(body) = &body {
            drop(body.for_function(py).and_then(|stream| environ.set_item(key, stream)));
        }
    };
    let asked = configured.functions.ask_early(rules, &call.record, configured.app.bind(py), environ, rewind);
    let restored =
        body.map_or(Ok(()), |body| body.for_application(py).and_then(|stream| environ.set_item(key, stream)));
    asked.and(restored)
}

/// Answers the call as a rule says. The application is not called.
pub(super) fn answer<'py>(
    call: Call,
    configured: &Configured,
    block: Block,
    start_response: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyAny>> {
    let py = start_response.py();
    let Block { rule, status, headers, body } = block;
    call.record.update(|exchange| exchange.set_blocked_by(rule));
    let fields = headers.iter().map(|(name, value)| (name, native(value)));
    let start = StartResponse::new(&call, configured.pid_header, Vec::new(), start_response);
    let answered = raising(|| {
        let arguments = (status_line(py, status), PyList::new(py, fields)?).into_pyobject(py)?;
        python::call(Bound::new(py, start)?.as_any(), &arguments, None)?;
        let chunk = Some(body).filter(|body| !body.is_empty()).map(|body| copied(py, body.as_bytes()));
        PyList::new(py, chunk.transpose()?)
    });
    match answered {
        Ok(chunks) => respond(call, chunks.into_any(), &configured.result_classes),
        Err(error) => {
            call.record.update(moesif::Exchange::fail);
            Err(with_exit(py, error, call.finish(py)))
        }
    }
}

/// Returns the status with the reason phrase that Python has for it.
fn status_line(py: Python<'_>, status: u16) -> String {
    let phrase = || -> PyResult<String> {
        let http = python::import(intern!(py, "http"))?;
        let known = python::call_method(&http, intern!(py, "HTTPStatus"), &(status,).into_pyobject(py)?)?;
        python::attribute(&known, intern!(py, "phrase"))?.extract()
    };
    format!("{status} {}", phrase().unwrap_or_else(|_| "Unknown".to_owned()))
}
