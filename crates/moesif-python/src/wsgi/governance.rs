//! Governance: what is decided about a request before the application is called.
//!
//! Whatever goes wrong in here costs the rules, never the request.

use moesif::Governance;
use moesif::governance::{Block, Decision};
use pyo3::exceptions::PyException;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyList};

use super::input::{Lending, ReadAhead};
use super::start_response::StartResponse;
use super::{Call, Configured, record, respond, with_exit};
use crate::convert::native;
use crate::python;

/// Asks who makes the call, as far as the rules need to know, and what the rules make of it. `known` is the request body
/// where it has been read already.
///
/// Raises only what is not an `Exception`.
pub(super) fn decide(
    call: &Call,
    configured: &Configured,
    rules: &Governance,
    environ: &Bound<'_, PyDict>,
    known: Option<ReadAhead>,
) -> PyResult<Decision> {
    let py = environ.py();
    if configured.functions.are_asked_early(rules) {
        identify(call, configured, rules, environ, known).or_else(|error| {
            if error.is_instance_of::<PyException>(py) {
                configured.report_governance(py, Some(&error));
                Ok(())
            } else {
                Err(error)
            }
        })?;
    }
    let decision = call.record.update(|exchange| rules.decide(exchange));
    Ok(decision.unwrap_or_else(|| {
        configured.report_governance(py, None);
        Decision::Pass(Vec::new())
    }))
}

fn identify(
    call: &Call,
    configured: &Configured,
    rules: &Governance,
    environ: &Bound<'_, PyDict>,
    known: Option<ReadAhead>,
) -> PyResult<()> {
    let app = configured.app.bind(environ.py());
    if known.is_some() {
        record::publish_request_body(&call.record, environ);
    }
    let announced = call.head.may_read_first(configured.client.policy());
    let py = environ.py();
    let key = intern!(py, "wsgi.input");
    let lending = match environ.get_item(key)? {
        Some(input) if call.head.may_have_body => Some(Lending::new(&input, &call.record, known, announced)?),
        _ => None,
    };
    let rewind = || {
        if let Some(lending) = &lending {
            drop(lending.lent(py).and_then(|stream| environ.set_item(key, stream)));
        }
    };
    let asked = configured.functions.identify_early(rules, &call.record, app, environ, rewind);
    let given_back = lending
        .map_or(Ok(()), |lending| lending.given_back(py).and_then(|stream| environ.set_item(key, stream)));
    asked.and(given_back)
}

/// Answers in the application's place.
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
    let started = PyList::new(py, fields)
        .and_then(|fields| (status_line(py, status), fields).into_pyobject(py))
        .and_then(|arguments| python::call(Bound::new(py, start)?.as_any(), &arguments, None));
    if let Err(error) = started {
        call.record.update(moesif::Exchange::fail);
        return Err(with_exit(py, error, call.finish(py)));
    }
    let chunks = Some(body).filter(|body| !body.is_empty()).map(|body| PyBytes::new(py, body.as_bytes()));
    respond(call, PyList::new(py, chunks)?.into_any(), &configured.lengths)
}

/// The status with the reason Python knows for it.
fn status_line(py: Python<'_>, status: u16) -> String {
    let phrase = || -> PyResult<String> {
        let http = python::import(intern!(py, "http"))?;
        let known = python::call_method(&http, intern!(py, "HTTPStatus"), &(status,).into_pyobject(py)?)?;
        python::attribute(&known, intern!(py, "phrase"))?.extract()
    };
    format!("{status} {}", phrase().unwrap_or_else(|_| "Unknown".to_owned()))
}
