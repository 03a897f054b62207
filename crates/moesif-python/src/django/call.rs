//! One request of a Django project.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use moesif::governance::{Block, Decision};
use moesif::{Client, Exchange, Governance};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyNone, PyTuple, PyType};

use super::capture::Shared;
use super::{request, response};
use crate::callbacks::{Step, mask};
use crate::guard::{guarded, raising};
use crate::request::{EarlyBody, Record, Served, governance, is_sampled, settle};

/// One request. Dropping it before its end records what is known of it.
#[pyclass(frozen, module = "moesif._native")]
pub(crate) struct DjangoCall {
    record: Record,
    served: Served,
    shared: Arc<Shared>,
    /// The governance rules in force, if there are any.
    rules: Option<Arc<Governance>>,
    /// Headers that the rules set on the response.
    rule_headers: OnceLock<Vec<(String, String)>>,
    /// Whether `IDENTIFY_USER` has named the user. A name that Django knows does not count.
    is_user_identified: AtomicBool,
    /// Whether an exit or a time limit has ended a function. No function is called after that.
    is_interrupted: AtomicBool,
    /// Whether sampling has kept the call.
    is_kept: AtomicBool,
    /// The body, while functions are called before the view.
    early_body: Mutex<Option<Arc<EarlyBody>>>,
}

/// The answer that a governance rule gives in place of the view. `respond` adds its headers.
#[pyclass(frozen, get_all, module = "moesif._native")]
pub(crate) struct RuleAnswer {
    status: u16,
    body: String,
}

#[pymethods]
impl DjangoCall {
    /// Whether governance rules are in force.
    #[getter]
    fn is_governed(&self) -> bool {
        self.rules.is_some()
    }

    /// Starts a span in which the call is being served, so that the project's outgoing calls are linked to
    /// it. Returns the token that ends the span, or `None` if outgoing calls are not captured. The span ends
    /// everywhere when the record is handed over.
    fn enter<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyAny>> {
        self.served.enter(py, &self.shared.client, &self.record).token()
    }

    /// Whether a step is to be asked: before the view, if governance rules need the answer; after it, unless
    /// it is known or [`DjangoCall::interrupt`] was called.
    fn needs(&self, step: &Bound<'_, Step>, is_early: bool) -> bool {
        let step = *step.get();
        if is_early {
            return self.rules().is_some_and(|rules| step.is_needed_early(rules));
        }
        if self.is_interrupted.load(Ordering::Relaxed) {
            return false;
        }
        match step {
            Step::User => !self.is_user_identified.load(Ordering::Relaxed),
            Step::Company => !self.record.update(|exchange| step.is_answered(exchange)).unwrap_or(false),
            _ => true,
        }
    }

    /// Stores the answer to a step. Returns whether there is one. `is_default` marks an answer that Django
    /// gives in place of a function of the application.
    ///
    /// Raises `TypeError` or `ValueError` for an answer that is not valid, and whatever its own methods
    /// raise.
    fn take(&self, step: &Bound<'_, Step>, answer: &Bound<'_, PyAny>, is_default: bool) -> PyResult<bool> {
        let step = *step.get();
        let Some(answer) = raising(|| step.read(answer, &mut &self.record))? else {
            return Ok(false);
        };
        if step == Step::User && !is_default {
            self.is_user_identified.store(true, Ordering::Relaxed);
        }
        self.record.update(|exchange| answer.store(exchange));
        Ok(true)
    }

    /// Notes that asking a step failed before the view: rules that need the answer are not applied.
    fn mark_unknown(&self, step: &Bound<'_, Step>) {
        self.record.update(|exchange| step.get().mark_unknown(exchange));
    }

    /// Notes that an exit or a time limit has ended a function: no function is called any more, not even the
    /// mask.
    fn interrupt(&self) {
        self.is_interrupted.store(true, Ordering::Relaxed);
    }

    /// Makes the request read its body from the start. Called before each function that is called before the
    /// view.
    fn rewind_body(&self, request: &Bound<'_, PyAny>) -> PyResult<()> {
        let body = self.early_body().clone();
        raising(|| match &body {
            Some(body) => request::set_stream(request, &body.for_function(request.py())?),
            None => Ok(()),
        })
    }

    /// Makes the request read its body as if no function had read it. Called before the view.
    fn restore_body(&self, request: &Bound<'_, PyAny>) -> PyResult<()> {
        let body = self.early_body().take();
        raising(|| match &body {
            Some(body) => request::set_stream(request, &body.for_application(request.py())?),
            None => Ok(()),
        })
    }

    /// Lets the rules decide about the call. Returns an answer if one of them blocks it.
    fn decide(&self, request: &Bound<'_, PyAny>) -> Option<RuleAnswer> {
        let rules = self.rules()?;
        if rules.needs_request_body() {
            // A middleware around us, or a function, may have read it.
            guarded(|| request::record_kept_body(request, &self.record));
        }
        let decision = governance::decide(request.py(), rules, &self.record, &self.shared.governance_faults);
        let (headers, answer) = match decision {
            Decision::Pass(headers) => (headers, None),
            Decision::Block(Block { rule, status, headers, body }) => {
                self.record.update(|exchange| exchange.set_blocked_by(rule));
                (headers, Some(RuleAnswer { status, body }))
            }
        };
        // Rules decide once about a call.
        let _ = self.rule_headers.set(headers);
        answer
    }

    /// Records the head of the response, and its content if it is known. Adds the transaction id and the
    /// headers of rules to the response.
    fn respond(&self, request: &Bound<'_, PyAny>, response: &Bound<'_, PyAny>) -> PyResult<()> {
        raising(|| {
            request::record_kept_body(request, &self.record);
            let rule_headers =
                self.rules.is_some().then(|| self.rule_headers.get().map(Vec::as_slice).unwrap_or_default());
            response::record(response, &self.record, rule_headers)
        })
    }

    /// Notes that the application raised and that no response was made of it.
    fn fail(&self) {
        self.record.update(Exchange::fail);
    }

    /// Notes that the response ends here, even if the record ends later.
    fn finish(&self) {
        self.record.update(Exchange::finish);
    }

    /// Records a chunk of the response body.
    fn chunk(&self, chunk: &Bound<'_, PyAny>) {
        if let Ok(chunk) = chunk.cast::<PyBytes>() {
            self.record.update(|exchange| exchange.append_response_body(chunk.as_bytes()));
        }
    }

    /// Leaves the call out, as the application wants.
    fn skip(&self) {
        if let Some(exchange) = self.record.take() {
            self.settle(|client| client.skip(exchange));
        }
    }

    /// Ends the record. Returns `true` if the mask must be called before [`DjangoCall::deliver`]. Otherwise
    /// the record has been handed over. A second call does not sample again.
    fn end(&self) -> bool {
        let Some(mut exchange) = self.record.take() else {
            return false;
        };
        let client = &self.shared.client;
        let _ = guarded(|| exchange.finish());
        if !self.is_kept.load(Ordering::Relaxed) && !is_sampled(client, &mut exchange) {
            self.settle(|client| client.sample_out(exchange));
            return false;
        }
        if !self.shared.is_masked || self.is_interrupted.load(Ordering::Relaxed) {
            self.settle(|client| client.record(exchange));
            return false;
        }
        self.is_kept.store(true, Ordering::Relaxed);
        self.record.put_back(exchange);
        true
    }

    /// Returns a new model of the event, for the mask. `None` if the record has been handed over.
    ///
    /// Raises what prevents making the model.
    fn event_model<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        let Some(exchange) = self.record.take() else {
            return Ok(None);
        };
        let model = raising(|| mask::model(py, &exchange));
        self.record.put_back(exchange);
        model
    }

    /// Hands the record over.
    fn deliver(&self) {
        if let Some(exchange) = self.record.take() {
            self.settle(|client| client.record(exchange));
        }
    }

    /// Makes a copy or a pickle of a request hold `None` here: a call has one record.
    fn __reduce__<'py>(slf: &Bound<'py, Self>) -> (Bound<'py, PyType>, Bound<'py, PyTuple>) {
        (slf.py().get_type::<PyNone>(), PyTuple::empty(slf.py()))
    }
}

impl DjangoCall {
    pub(super) fn new(exchange: Box<Exchange>, shared: Arc<Shared>, rules: Option<Arc<Governance>>) -> Self {
        Self {
            record: Record::new(exchange),
            served: Served::default(),
            shared,
            rules,
            rule_headers: OnceLock::new(),
            is_user_identified: AtomicBool::new(false),
            is_interrupted: AtomicBool::new(false),
            is_kept: AtomicBool::new(false),
            early_body: Mutex::default(),
        }
    }

    pub(super) const fn record(&self) -> &Record {
        &self.record
    }

    pub(super) fn rules(&self) -> Option<&Governance> {
        self.rules.as_deref()
    }

    pub(super) fn set_early_body(&self, body: EarlyBody) {
        *self.early_body() = Some(Arc::new(body));
    }

    fn early_body(&self) -> MutexGuard<'_, Option<Arc<EarlyBody>>> {
        self.early_body.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn settle(&self, hand_over: impl FnOnce(&Client)) {
        self.served.end();
        settle(&self.shared.client, hand_over);
    }
}

impl Drop for DjangoCall {
    fn drop(&mut self) {
        if self.end() {
            self.deliver();
        }
    }
}
