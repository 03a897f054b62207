//! What happens to a request until the application has returned.

use std::sync::Arc;

use moesif::delivery::DropReason;
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
use crate::interruption::{belongs_to_host, if_possible};
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
            Err(error) => {
                call.record.update(Exchange::fail);
                match call.record.take() {
                    Some(exchange) if belongs_to_host(py, &error) => finish::finish_unasked(exchange, self),
                    Some(exchange) => self.lose(exchange),
                    None => {}
                }
                return Err(error);
            }
        };
        let rule_headers = match decision {
            Decision::Pass(headers) => headers,
            Decision::Block(block) => return governance::answer(call, self, block, start_response),
        };
        let replacement = StartResponse::new(&call, self.pid_header, rule_headers, start_response);
        let arguments =
            raising(|| PyTuple::new(py, [environ.as_any(), Bound::new(py, replacement)?.as_any()]));
        let Some(arguments) = if_possible(py, arguments)? else {
            // Without memory, the application is called as without us.
            call.record.take().into_iter().for_each(|exchange| self.lose(exchange));
            let arguments = raising(|| PyTuple::new(py, [environ.as_any(), start_response]))?;
            return python::call(self.app.bind(py), &arguments, None);
        };
        match python::call(self.app.bind(py), &arguments, None) {
            Ok(result) => respond(call, result, &self.result_classes),
            Err(error) => {
                call.raised(py, &error);
                Err(with_exit(py, error, call.finish(py)))
            }
        }
    }

    /// Drops a record that there is no memory for.
    fn lose(&self, exchange: Box<Exchange>) {
        drop(exchange);
        self.client.lose(DropReason::Memory);
    }

    /// Arranges that the request body is recorded, and lets the rules in force decide about the call.
    ///
    /// Raises what belongs to the host, and `MemoryError` if the body has been read and cannot be kept.
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
        match raising(|| governance::decide(call, self, rules, environ, known)) {
            Err(error) if !call.head.may_have_body && !belongs_to_host(environ.py(), &error) => {
                call.record.update(Exchange::lack_memory);
                Ok(Decision::Pass(Vec::new()))
            }
            decided => decided,
        }
    }

    /// Replaces `wsgi.input`, so that the body is recorded as the application reads it. With `read_first`,
    /// reads the body now if it may be read, and returns it.
    ///
    /// Raises what belongs to the host, met while reading, and `MemoryError` if there is no memory for what is read.
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
            let wrapped = raising(|| environ.set_item(key, RecordedStream::wrap(input, &call.record)?));
            if if_possible(py, wrapped)?.is_none() {
                call.record.update(Exchange::lack_memory);
            }
            return Ok(None);
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
