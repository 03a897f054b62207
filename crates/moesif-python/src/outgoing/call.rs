//! One outgoing call.

use std::sync::OnceLock;

use moesif::{Client, Exchange};
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyTuple};

use super::{OutgoingCapture, message};
use crate::gc::{Traverse, traverse};
use crate::guard::{guarded, raising};
use crate::request::{Record, deliver, settle};

/// Metadata field with the transaction id of the call that was being served.
const INCOMING: &str = "incoming_transaction_id";
/// Metadata field with the class of the exception that was raised instead of a response.
const ERROR: &str = "error";

/// One call. Dropping it before [`OutgoingCall::end`] records what is known of it.
#[pyclass(frozen, module = "moesif._native")]
pub(crate) struct OutgoingCall {
    record: Record,
    capture: Py<OutgoingCapture>,
    incoming: Option<String>,
    /// Class of the exception that was raised.
    error: OnceLock<String>,
}

traverse!(OutgoingCall { capture });

#[pymethods]
impl OutgoingCall {
    /// Records a part of the request body, bytes or text, that was read from position `offset`.
    fn request_chunk(&self, offset: u64, chunk: &Bound<'_, PyAny>) {
        message::with_bytes(chunk, |bytes| {
            self.record.update(|exchange| exchange.record_request_body(offset, bytes));
        });
    }

    /// Notes that the position of the next part of the request body is no longer known.
    fn lose_request_position(&self) {
        self.record.update(Exchange::mark_request_body_incomplete);
    }

    /// Records the head of the response and calls the application's functions. Returns `false` if the
    /// application wants the call left out: it has then been counted, and is over.
    ///
    /// Raises only what belongs to the host, met in one of the functions.
    fn respond(&self, request: &Bound<'_, PyAny>, response: &Bound<'_, PyAny>) -> PyResult<bool> {
        raising(|| {
            // Reading runs Python, so the record must not be locked meanwhile.
            let head = message::head(response)?;
            self.record.update(|exchange| head.record(exchange));
            self.ask(request, response)
        })
    }

    /// Records a call that raised instead of returning a response, and ends it.
    ///
    /// Raises only what belongs to the host, met in one of the functions.
    fn fail(&self, request: &Bound<'_, PyAny>, error: &Bound<'_, PyAny>) -> PyResult<()> {
        let py = request.py();
        self.record.update(Exchange::finish);
        self.set_error(error);
        let is_wanted = raising(|| self.ask(request, &py.None().into_bound(py)))?;
        if is_wanted { self.end(py, true) } else { Ok(()) }
    }

    /// Records the class of an exception. Its message is not recorded: it may quote what masks remove.
    fn set_error(&self, error: &Bound<'_, PyAny>) {
        let class = error.get_type();
        if let Ok(name) = class.fully_qualified_name() {
            let _ = self.error.set(name.to_string_lossy().into_owned());
        }
    }

    /// Records the whole response body, with its `Content-Encoding` undone. The response ends here.
    fn content(&self, content: &Bound<'_, PyAny>) {
        self.record.update(Exchange::finish);
        if let Ok(content) = content.cast::<PyBytes>() {
            self.record.update(|exchange| {
                exchange.set_response_decoded();
                exchange.append_response_body(content.as_bytes());
            });
        }
    }

    /// Records a chunk of the response body, as it was transferred.
    fn chunk(&self, chunk: &Bound<'_, PyAny>) {
        message::with_bytes(chunk, |bytes| {
            self.record.update(|exchange| exchange.append_response_body(bytes));
        });
    }

    /// Notes that the response was freed before it was read: it ends here, even if the record ends later.
    /// Returns whether the settings have a `MASK_EVENT_MODEL`, which must then see the event.
    fn abandon_response(&self) -> bool {
        self.record.update(Exchange::finish);
        self.capture.get().functions.mask().is_some()
    }

    /// Ends the record. `is_whole` says whether all of the response body has been recorded.
    ///
    /// Raises only what belongs to the host, met in `MASK_EVENT_MODEL`.
    fn end(&self, py: Python<'_>, is_whole: bool) -> PyResult<()> {
        let Some(mut exchange) = self.record.take() else {
            return Ok(());
        };
        self.complete(&mut exchange, is_whole);
        deliver(py, self.client(), &self.capture.get().functions, exchange)
    }

    /// Ends the record without calling a function, if it has not ended: an exit or a time limit has ended our
    /// code.
    fn interrupt(&self) {
        if let Some(mut exchange) = self.record.take() {
            self.complete(&mut exchange, false);
            settle(self.client(), |client| client.record(exchange));
        }
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        self.traverse(&visit)
    }
}

impl OutgoingCall {
    pub(super) fn new(
        exchange: Box<Exchange>,
        capture: Py<OutgoingCapture>,
        incoming: Option<String>,
    ) -> Self {
        Self { record: Record::new(exchange), capture, incoming, error: OnceLock::new() }
    }

    fn client(&self) -> &Client {
        &self.capture.get().client
    }

    /// Calls the application's functions. The record stays where it is: a function may read the response,
    /// which records it. Returns whether the call is wanted. If it is not, or if a function exits, the record
    /// is over.
    fn ask(&self, request: &Bound<'_, PyAny>, response: &Bound<'_, PyAny>) -> PyResult<bool> {
        let py = request.py();
        let both = PyTuple::new(py, [request, response])?;
        let functions = &self.capture.get().functions;
        let is_wanted = functions.ask(py, &mut &self.record, |_| Ok(both.clone()));
        if matches!(is_wanted, Ok(true)) {
            return is_wanted;
        }
        let Some(mut exchange) = self.record.take() else {
            return is_wanted;
        };
        if is_wanted.is_ok() {
            settle(self.client(), |client| client.skip(exchange));
        } else {
            self.complete(&mut exchange, false);
            settle(self.client(), |client| client.record(exchange));
        }
        is_wanted
    }

    /// Adds what is known at the end.
    fn complete(&self, exchange: &mut Exchange, is_whole: bool) {
        let _ = guarded(|| {
            exchange.finish();
            if !is_whole {
                exchange.mark_response_body_incomplete();
            }
            for (name, text) in [(INCOMING, self.incoming.as_ref()), (ERROR, self.error.get())] {
                if let Some(text) = text {
                    exchange.add_metadata(name, text);
                }
            }
        });
    }
}

impl Drop for OutgoingCall {
    fn drop(&mut self) {
        self.interrupt();
    }
}
