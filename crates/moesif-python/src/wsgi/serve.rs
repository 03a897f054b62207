//! What happens to a request until the application has returned.

use std::sync::Arc;

use moesif::governance::Decision;
use moesif::{Exchange, Governance};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyTuple};

use super::call::{Call, with_exit};
use super::middleware::{Configured, WsgiMiddleware};
use super::respond::respond;
use super::start_response::StartResponse;
use super::{finish, governance};
use crate::guard::{caught, raising};
use crate::once::intern;
use crate::request::{ReadAhead, Record, RecordedStream, Served, head};
use crate::{log, python};

/// A request whose record has been started, and the governance rules in force for it.
pub(super) struct Begun {
    pub(super) call: Call,
    rules: Option<Arc<Governance>>,
}

impl Configured {
    /// Starts the record of a request. `None` if it cannot be recorded: the application then runs without us.
    pub(super) fn begin<'py>(
        &self,
        middleware: &Bound<'py, WsgiMiddleware>,
        environ: &Bound<'py, PyDict>,
    ) -> Option<Begun> {
        let py = environ.py();
        let begun = caught(|| {
            let (mut exchange, rules) = self.client.begin_governed()?;
            let head = head::read_wsgi(environ, &mut exchange);
            Some((exchange, rules, head, PyList::empty(py)))
        });
        // Only now: beginning the first call may add a message.
        log::drain(py);
        let (exchange, rules, head, chunks) = begun.unwrap_or_else(|reason| {
            self.client.lose(reason);
            None
        })?;
        let record = Record::new(exchange);
        drop(environ.set_item(intern!(py, "moesif.response_body_chunks"), &chunks));
        let call = Call {
            middleware: middleware.clone().unbind(),
            record,
            served: Served::default(),
            environ: environ.clone().unbind(),
            chunks: chunks.unbind(),
            head,
        };
        if head.has_moesif_keys {
            // An earlier request may have used the same dictionary.
            for key in [intern!(py, "moesif.request_body"), intern!(py, "moesif.response_headers")] {
                drop(environ.del_item(key));
            }
        }
        Some(Begun { call, rules })
    }

    /// Applies the rules in force, and calls the application unless one of them answers.
    pub(super) fn serve<'py>(
        &self,
        begun: Begun,
        environ: &Bound<'py, PyDict>,
        start_response: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let py = environ.py();
        let Begun { call, rules } = begun;
        let decision = match self.before_application(&call, environ, rules.as_deref()) {
            Ok(decision) => decision,
            Err(exit) => {
                call.record.update(Exchange::fail);
                if let Some(exchange) = call.record.take() {
                    finish::finish_unasked(exchange, self);
                }
                return Err(exit);
            }
        };
        let rule_headers = match decision {
            Decision::Pass(headers) => headers,
            Decision::Block(block) => return governance::answer(call, self, block, start_response),
        };
        let replacement = StartResponse::new(&call, self.pid_header, rule_headers, start_response);
        let arguments =
            raising(|| PyTuple::new(py, [environ.as_any(), Bound::new(py, replacement)?.as_any()]));
        match arguments.and_then(|arguments| python::call(self.app.bind(py), &arguments, None)) {
            Ok(result) => respond(call, result, &self.result_classes),
            Err(error) => {
                call.raised(py, &error);
                Err(with_exit(py, error, call.finish(py)))
            }
        }
    }

    /// Arranges that the request body is recorded, and lets the rules in force decide about the call.
    ///
    /// Raises `MemoryError`, and what belongs to the host.
    fn before_application(
        &self,
        call: &Call,
        environ: &Bound<'_, PyDict>,
        rules: Option<&Governance>,
    ) -> PyResult<Decision> {
        let Some(rules) = rules else {
            self.record_body(call, environ, self.read_request_body_first)?;
            return Ok(Decision::Pass(Vec::new()));
        };
        let read_first = self.read_request_body_first || rules.needs_request_body();
        let known = self.record_body(call, environ, read_first)?;
        raising(|| governance::decide(call, self, rules, environ, known))
    }

    /// Replaces `wsgi.input`, so that the body is recorded as the application reads it. With `read_first`,
    /// reads the body now if it may be read, and returns it.
    ///
    /// Raises `MemoryError`, and what belongs to the host, met while reading.
    fn record_body(
        &self,
        call: &Call,
        environ: &Bound<'_, PyDict>,
        read_first: bool,
    ) -> PyResult<Option<ReadAhead>> {
        let py = environ.py();
        let policy = self.client.policy();
        let is_wanted = policy.log_body || !self.functions.is_empty() || read_first;
        if !call.head.may_have_body || !is_wanted {
            return Ok(None);
        }
        let key = intern!(py, "wsgi.input");
        let Ok(Some(input)) = environ.get_item(key) else {
            return Ok(None);
        };
        let Some(length) = call.head.length_to_read_first(policy).filter(|_| read_first) else {
            return environ.set_item(key, RecordedStream::wrap(input, &call.record)?).map(|()| None);
        };
        let read = raising(|| {
            let read = ReadAhead::read(&input, &call.record, length)?;
            environ.set_item(key, read.stream(py)?)?;
            Ok(read)
        })?;
        if self.read_request_body_first {
            finish::publish_request_body(&call.record, environ);
        }
        Ok(Some(read))
    }
}
