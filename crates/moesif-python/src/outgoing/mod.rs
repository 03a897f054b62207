//! Capture of the calls an application makes: what `moesif.outgoing` fills while one passes.
//!
//! One call, in order: [`OutgoingCapture::begin`] reads the `requests.PreparedRequest`; [`OutgoingCall::respond`] reads the head of
//! the `requests.Response` and asks the application's functions, or [`OutgoingCall::fail`] names what was raised instead; the body
//! comes as a whole or in pieces; [`OutgoingCall::end`] hands the record over. Which function of which library is hooked is decided
//! in Python. The interpreter is attached throughout, nothing waits, and nothing is raised but an exit in one of the functions.

mod functions;
mod message;

use std::sync::OnceLock;

use moesif::{Client, Exchange, Integration};
use pyo3::exceptions::PyValueError;
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::guard::{guarded, raising};
use crate::record::Record;
use crate::{log, mask, settings};
use functions::Functions;

/// Where a call is linked to the one that was being served.
const INCOMING: &str = "incoming_transaction_id";
/// Where what was raised instead of a response is named.
const ERROR: &str = "error";

/// How outgoing calls are captured: `OutgoingCapture(settings, integration)`, where the latter is `wsgi` or `django` for the settings
/// of a middleware, with which it then shares a pipeline, and `outgoing` for settings of its own.
///
/// Raises `ValueError` for a value an option cannot take, `TypeError` for settings that are no mapping.
#[pyclass(frozen, module = "moesif._native")]
pub(crate) struct OutgoingCapture {
    client: Client,
    functions: Functions,
}

#[pymethods]
impl OutgoingCapture {
    #[new]
    fn new(py: Python<'_>, given: Option<&Bound<'_, PyAny>>, integration: &str) -> PyResult<Self> {
        let parsed = match integration {
            // A middleware has said already what is odd about them.
            "wsgi" => settings::check(given, py, Integration::Wsgi)?.settings,
            "django" => settings::check(given, py, Integration::Django)?.settings,
            "outgoing" => settings::parse(given, py, Integration::Outgoing)?,
            _ => return Err(PyValueError::new_err("integration: expected wsgi, django or outgoing")),
        };
        Ok(Self { client: Client::new(parsed.for_outgoing()), functions: Functions::new(given) })
    }

    /// Where events go, and in whose name: the base URI of the collector and the application id.
    #[getter]
    fn destination(&self) -> (&str, &str) {
        self.client.destination()
    }

    /// How many bytes of a request body are kept, `None` where bodies are not recorded.
    #[getter]
    fn body_limit(&self) -> Option<usize> {
        let policy = self.client.policy();
        policy.log_body.then_some(policy.request_max_body_size)
    }

    /// Starts the record of a call, made while the call of this transaction id is served if there is one. `None` when it is not to
    /// be recorded: it is one to the collector, or cannot be.
    ///
    /// Raises only what is not an `Exception`.
    fn begin(
        slf: &Bound<'_, Self>,
        request: &Bound<'_, PyAny>,
        incoming: Option<String>,
    ) -> PyResult<Option<OutgoingCall>> {
        let Self { client, functions } = slf.get();
        let begun = guarded(|| {
            let mut exchange = client.begin();
            if functions.mask_event_model.is_some() {
                exchange.strip_content();
            }
            let read = message::read_request(request, client.policy().log_body, &mut exchange);
            (exchange, read)
        });
        // Only now, because beginning the first call may add a message.
        log::drain(request.py());
        let Some((exchange, read)) = begun else {
            client.lose();
            return Ok(None);
        };
        read?;
        // A call to the collector is nobody's: neither recorded nor counted.
        if guarded(|| client.is_own_traffic(&exchange)).unwrap_or(false) {
            return Ok(None);
        }
        let capture = slf.clone().unbind();
        Ok(Some(OutgoingCall { record: Record::new(exchange), capture, incoming, error: OnceLock::new() }))
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        self.functions.traverse(visit)
    }
}

/// One call on its way. When it is let go before its end, what is known of it is recorded.
#[pyclass(frozen, module = "moesif._native")]
pub(crate) struct OutgoingCall {
    record: Record,
    capture: Py<OutgoingCapture>,
    incoming: Option<String>,
    /// What was raised.
    error: OnceLock<String>,
}

#[pymethods]
impl OutgoingCall {
    /// Records a part of the request body that was read from position `offset`: bytes, or text.
    fn request_chunk(&self, offset: u64, chunk: &Bound<'_, PyAny>) {
        message::with_bytes(chunk, |bytes| {
            self.record.update(|exchange| exchange.record_request_body(offset, bytes));
        });
    }

    /// Where the next part of the request body stands is not known any more.
    fn lose_request_position(&self) {
        self.record.update(Exchange::lose_request_position);
    }

    /// Records the head of the response and asks the application's functions. Returns whether the call is wanted; if it is not,
    /// it has been counted and is over.
    ///
    /// Raises only what is not an `Exception`, met in one of the functions.
    fn respond(&self, request: &Bound<'_, PyAny>, response: &Bound<'_, PyAny>) -> PyResult<bool> {
        raising(|| {
            // Python is run to read it: the record is not locked meanwhile.
            let head = message::head(response)?;
            self.record.update(|exchange| head.record(exchange));
            self.ask(request, response)
        })
    }

    /// Records a call that raised instead of being answered, and ends it.
    ///
    /// Raises only what is not an `Exception`, met in one of the functions.
    fn fail(&self, request: &Bound<'_, PyAny>, error: &Bound<'_, PyAny>) -> PyResult<()> {
        let py = request.py();
        self.record.update(Exchange::finish);
        self.name_error(error);
        let is_wanted = raising(|| self.ask(request, &py.None().into_bound(py)))?;
        if is_wanted { self.end(py, true) } else { Ok(()) }
    }

    /// Names what was raised. The message stays away: it may quote what masks remove.
    fn name_error(&self, error: &Bound<'_, PyAny>) {
        let class = error.get_type();
        if let Ok(name) = class.fully_qualified_name() {
            let _ = self.error.set(name.to_string_lossy().into_owned());
        }
    }

    /// Records the whole response body, as it is after its `Content-Encoding` was undone: the response has ended.
    fn content(&self, content: &Bound<'_, PyAny>) {
        self.record.update(Exchange::finish);
        if let Ok(content) = content.cast::<PyBytes>() {
            self.record.update(|exchange| {
                exchange.set_response_decoded();
                exchange.append_response_body(content.as_bytes());
            });
        }
    }

    /// Records a piece of the response body, as it was transferred.
    fn chunk(&self, chunk: &Bound<'_, PyAny>) {
        message::with_bytes(chunk, |bytes| {
            self.record.update(|exchange| exchange.append_response_body(bytes));
        });
    }

    /// The response was let go, and ends here, whenever the record does. Returns whether a function of the application is to
    /// mask the event.
    fn let_go(&self) -> bool {
        self.record.update(Exchange::finish);
        self.capture.get().functions.mask_event_model.is_some()
    }

    /// Ends the record; `is_whole` tells whether all of the response body has come.
    ///
    /// Raises only what is not an `Exception`, met in `MASK_EVENT_MODEL`.
    fn end(&self, py: Python<'_>, is_whole: bool) -> PyResult<()> {
        let Some(mut exchange) = self.record.take() else {
            return Ok(());
        };
        self.complete(&mut exchange, is_whole);
        let mut masked = Ok(());
        let is_kept = guarded(|| self.client().sample(&mut exchange)).unwrap_or(true);
        if is_kept && let Some(function) = &self.capture.get().functions.mask_event_model {
            masked = mask::apply(py, function, &mut exchange);
        }
        self.settle(|client| if is_kept { client.record(exchange) } else { client.sample_out(exchange) });
        masked
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.capture)
    }
}

impl OutgoingCall {
    fn client(&self) -> &Client {
        &self.capture.get().client
    }

    /// Asks the application's functions. Returns whether the call is wanted; where it is not, or one of them exits, it is over.
    /// What they read of the response is recorded meanwhile.
    fn ask(&self, request: &Bound<'_, PyAny>, response: &Bound<'_, PyAny>) -> PyResult<bool> {
        let wanted = self.capture.get().functions.ask(&self.record, request, response);
        if matches!(wanted, Ok(true)) {
            return wanted;
        }
        let Some(mut exchange) = self.record.take() else {
            return wanted;
        };
        if wanted.is_ok() {
            self.settle(|client| client.skip(exchange));
        } else {
            self.complete(&mut exchange, false);
            self.settle(|client| client.record(exchange));
        }
        wanted
    }

    /// Adds what is known at the end.
    fn complete(&self, exchange: &mut Exchange, is_whole: bool) {
        let _ = guarded(|| {
            exchange.finish();
            if !is_whole {
                exchange.cut_response_body();
            }
            for (name, text) in [(INCOMING, self.incoming.as_ref()), (ERROR, self.error.get())] {
                if let Some(text) = text {
                    exchange.add_metadata(name, text);
                }
            }
        });
    }

    fn settle(&self, hand_over: impl FnOnce(&Client)) {
        if guarded(|| hand_over(self.client())).is_none() {
            self.client().lose();
        }
    }
}

impl Drop for OutgoingCall {
    fn drop(&mut self) {
        if let Some(mut exchange) = self.record.take() {
            self.complete(&mut exchange, false);
            self.settle(|client| client.record(exchange));
        }
    }
}
