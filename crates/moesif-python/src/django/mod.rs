//! Capture of a Django request: what `moesif.django` fills while the request passes.
//!
//! One request, in order: [`DjangoCapture::begin`] reads `request.META` in one pass and sees to it that the body is recorded
//! as the view reads it; where governance rules are in force [`DjangoCall::decide`] applies them, and the view may not be
//! called; [`DjangoCall::respond`] reads the response's head and, where there is one, its content; the setters take what the
//! application's functions said; [`DjangoCall::end`] hands the record over. Which functions are
//! asked, and whether they are awaited, is decided in Python. The interpreter is attached throughout, nothing waits, and
//! nothing is raised but what a value given by the application cannot be, or an exit.

mod request;
mod response;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use moesif::governance::{Block, Decision};
use moesif::settings::DjangoUser;
use moesif::{Client, Exchange, Governance, Integration};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyNone, PyTuple, PyType};

use crate::api::{self, ApiCall};
use crate::guard::{guarded, raising};
use crate::record::Record;
use crate::serving::Served;
use crate::wsgi::input::Lending;
use crate::{convert, json, log, mask, python, settings};

/// How the calls of a Django project are captured: `DjangoCapture(settings, django_settings)`.
///
/// Raises `ValueError` for a value an option cannot take, `TypeError` for settings that are no mapping.
#[pyclass(frozen, module = "moesif._native")]
pub(crate) struct DjangoCapture {
    shared: Arc<Shared>,
}

/// What every call needs of the settings.
struct Shared {
    client: Client,
    /// An event leaves without its content until `MASK_EVENT_MODEL` has seen it.
    is_masked: bool,
    read_request_body_first: bool,
    user: DjangoUser,
    /// `django.conf.settings`
    django: Py<PyAny>,
    captures_outgoing: bool,
}

#[pymethods]
impl DjangoCapture {
    #[new]
    fn new(py: Python<'_>, given: Option<&Bound<'_, PyAny>>, django: Py<PyAny>) -> PyResult<Self> {
        let parsed = settings::parse(given, py, Integration::Django)?;
        let shared = Shared {
            is_masked: settings::function(given, "MASK_EVENT_MODEL").is_some(),
            read_request_body_first: parsed.read_request_body_first,
            user: parsed.django_user,
            django,
            captures_outgoing: parsed.outgoing.captured,
            client: Client::new(parsed),
        };
        Ok(Self { shared: Arc::new(shared) })
    }

    /// Whether bodies are recorded.
    #[getter]
    fn log_body(&self) -> bool {
        self.shared.client.policy().log_body
    }

    /// Whether the user of a session is looked up where the view did not do it.
    #[getter]
    fn looks_up_user(&self) -> bool {
        self.shared.user == DjangoUser::Auto
    }

    /// Whether the calls the project makes are to be captured too.
    #[getter]
    fn captures_outgoing(&self) -> bool {
        self.shared.captures_outgoing
    }

    /// Begins to post JSON text to the collector.
    fn post(&self, path: &str, document: &str) -> PyResult<ApiCall> {
        api::post(&self.shared.client, path, document)
    }

    /// Starts the record of a request. `None` when it cannot be recorded.
    ///
    /// Raises only what is not an `Exception`, met while reading the body ahead.
    fn begin(&self, request: &Bound<'_, PyAny>) -> PyResult<Option<DjangoCall>> {
        let begun = guarded(|| {
            let (mut exchange, rules) = self.shared.client.begin_governed();
            if self.shared.is_masked {
                exchange.strip_content();
            }
            let head = request::read(request, self.shared.django.bind(request.py()), &mut exchange);
            (exchange, rules, head)
        });
        // Only now, because beginning the first call may add a message.
        log::drain(request.py());
        let Some((exchange, rules, head)) = begun else {
            self.shared.client.lose();
            return Ok(None);
        };
        let head = head?;
        let policy = self.shared.client.policy();
        let is_about = |needs: fn(&Governance) -> bool| rules.as_deref().is_some_and(needs);
        let read_first = self.shared.read_request_body_first || is_about(Governance::needs_request_body);
        let asks_early = is_about(|rules| rules.needs_user_id() || rules.needs_company_id());
        let call = DjangoCall {
            record: Record::new(exchange),
            served: Served::default(),
            shared: Arc::clone(&self.shared),
            rules,
            rule_headers: OnceLock::new(),
            is_identified: AtomicBool::new(false),
            lending: Mutex::default(),
        };
        let Some(request::Head { request: mut head, is_spooled }) =
            head.filter(|head| head.request.may_have_body)
        else {
            return Ok(Some(call));
        };
        if is_spooled
            && (read_first || asks_early)
            && let Some(length) =
                python::if_possible(request.py(), raising(|| request::spooled_length(request)))?
        {
            head.has_arrived(length);
        }
        let announced = head.may_read_first(policy);
        let mut known = None;
        if policy.log_body || read_first {
            known =
                raising(|| request::record_body(request, &call.record, announced.filter(|_| read_first)))?;
        }
        if asks_early {
            let lending = raising(|| request::lend(request, &call.record, known, announced))?;
            *call.lending() = lending.map(Arc::new);
        }
        Ok(Some(call))
    }
}

/// One request on its way. When it is let go before its end, what is known of it is recorded.
#[pyclass(frozen, module = "moesif._native")]
pub(crate) struct DjangoCall {
    record: Record,
    served: Served,
    shared: Arc<Shared>,
    /// The governance rules in force, if there are any.
    rules: Option<Arc<Governance>>,
    /// What they set on the response.
    rule_headers: OnceLock<Vec<(String, String)>>,
    /// The application's own function has said who the user is.
    is_identified: AtomicBool,
    /// The request's body, while functions are asked before the view.
    lending: Mutex<Option<Arc<Lending>>>,
}

#[pymethods]
impl DjangoCall {
    /// Whether there are governance rules to be asked about it.
    #[getter]
    fn is_governed(&self) -> bool {
        self.rules.is_some()
    }

    /// Whether they need to know the user.
    #[getter]
    fn needs_user_id(&self) -> bool {
        self.rules.as_ref().is_some_and(|rules| rules.needs_user_id())
    }

    /// Whether they need to know the company.
    #[getter]
    fn needs_company_id(&self) -> bool {
        self.rules.as_ref().is_some_and(|rules| rules.needs_company_id())
    }

    /// Whether `IDENTIFY_USER` has said who the user is.
    #[getter]
    fn is_identified(&self) -> bool {
        self.is_identified.load(Ordering::Relaxed)
    }

    /// Whether the company is.
    #[getter]
    fn has_company_id(&self) -> bool {
        self.record.update(|exchange| exchange.company_id().is_some()).unwrap_or(false)
    }

    /// Before each function that is asked before the view: it finds the body from its start.
    fn lend_body(&self, request: &Bound<'_, PyAny>) -> PyResult<()> {
        let lending = self.lending().clone();
        raising(|| match &lending {
            Some(lending) => request::read_from(request, &lending.lent(request.py())?),
            None => Ok(()),
        })
    }

    /// After the last of them: the view finds it as if none had read.
    fn take_body_back(&self, request: &Bound<'_, PyAny>) -> PyResult<()> {
        let lending = self.lending().take();
        raising(|| match &lending {
            Some(lending) => request::read_from(request, &lending.given_back(request.py())?),
            None => Ok(()),
        })
    }

    /// From here on the call is being served: what the project calls meanwhile is linked to it. Returns what ends that, or
    /// `None` while nobody looks at it. It ends everywhere when the record is handed over.
    fn enter<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyAny>> {
        self.served.enter(py, &self.shared.client, &self.record).token()
    }

    /// Lets the rules decide about the call. Returns status and body where one of them answers it; the headers that are to
    /// be set are set by [`DjangoCall::respond`].
    fn decide(&self, request: &Bound<'_, PyAny>) -> Option<(u16, String)> {
        let rules = self.rules.as_ref()?;
        if rules.needs_request_body() {
            // A middleware around us, or a function, may have read it.
            guarded(|| request::record_body_that_was_read(request, &self.record));
        }
        let (headers, answer) = match self.record.update(|exchange| rules.decide(exchange)) {
            Some(Decision::Pass(headers)) => (headers, None),
            Some(Decision::Block(Block { rule, status, headers, body })) => {
                self.record.update(|exchange| exchange.set_blocked_by(rule));
                (headers, Some((status, body)))
            }
            None => {
                let message = "governance rules are not applied to a call because of a fault in this package: please \
                               report it";
                log::warn(request.py(), log::GOVERNANCE, message, None);
                return None;
            }
        };
        // There is one decision about a call.
        let _ = self.rule_headers.set(headers);
        answer
    }

    /// Records the response's head, and its body where that is known; adds the transaction id to the response,
    /// and what rules set.
    fn respond(&self, request: &Bound<'_, PyAny>, response: &Bound<'_, PyAny>) -> PyResult<()> {
        raising(|| {
            request::record_body_that_was_read(request, &self.record);
            let rule_headers =
                self.rules.is_some().then(|| self.rule_headers.get().map(Vec::as_slice).unwrap_or_default());
            response::record(response, &self.record, rule_headers)
        })
    }

    /// The application raised, and nobody has made a response of it.
    fn fail(&self) {
        self.record.update(Exchange::fail);
    }

    /// The response ends here, whenever the record does.
    fn finish(&self) {
        self.record.update(Exchange::finish);
    }

    /// Records a piece of the response body.
    fn chunk(&self, chunk: &Bound<'_, PyAny>) {
        if let Ok(chunk) = chunk.cast::<PyBytes>() {
            self.record.update(|exchange| exchange.append_response_body(chunk.as_bytes()));
        }
    }

    /// Takes the id of the user from `IDENTIFY_USER`. Whether it is one. Raises `ValueError` for a text too long for an id.
    fn set_user_id(&self, value: &Bound<'_, PyAny>) -> PyResult<bool> {
        let is_set = self.set_username(value)?;
        self.is_identified.fetch_or(is_set, Ordering::Relaxed);
        Ok(is_set)
    }

    /// Takes it from Django, the same way.
    fn set_username(&self, value: &Bound<'_, PyAny>) -> PyResult<bool> {
        Ok(self.set(convert::id_text(value)?, Exchange::set_user_id))
    }

    /// Who the user is could not be found out.
    fn doubt_user(&self) {
        self.record.update(Exchange::doubt_user);
    }

    /// The same of the company.
    fn doubt_company(&self) {
        self.record.update(Exchange::doubt_company);
    }

    /// Takes the id of the company, the same way.
    fn set_company_id(&self, value: &Bound<'_, PyAny>) -> PyResult<bool> {
        Ok(self.set(convert::id_text(value)?, Exchange::set_company_id))
    }

    /// Takes the session token, the same way.
    fn set_session_token(&self, value: &Bound<'_, PyAny>) -> PyResult<bool> {
        Ok(self.set(convert::token_text(value)?, Exchange::set_session_token))
    }

    /// Takes metadata: a dictionary, or `None`. Raises what its values raise, and `ValueError` for what is neither.
    fn set_metadata(&self, value: &Bound<'_, PyAny>) -> PyResult<bool> {
        let metadata = if value.is_none() { None } else { Some(json::object(value, json::METADATA_BYTES)?) };
        Ok(self.set(metadata, Exchange::set_metadata))
    }

    /// The application wants the call left out.
    fn skip(&self) {
        if let Some(exchange) = self.record.take() {
            self.settle(|client| client.skip(exchange));
        }
    }

    /// Ends the record. Whether a function is to mask it: [`DjangoCall::event_model`], [`DjangoCall::set_event`] and
    /// [`DjangoCall::deliver`] follow.
    fn end(&self) -> bool {
        let Some(mut exchange) = self.record.take() else {
            return false;
        };
        let client = &self.shared.client;
        let is_wanted = guarded(|| {
            exchange.finish();
            client.sample(&mut exchange)
        });
        if is_wanted == Some(false) {
            self.settle(|client| client.sample_out(exchange));
            return false;
        }
        if !self.shared.is_masked {
            self.settle(|client| client.record(exchange));
            return false;
        }
        self.record.put_back(exchange);
        true
    }

    /// The event, for the masking function: a new one each time. `None` when it has been handed over.
    ///
    /// Raises what keeps it from being shown.
    fn event_model<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        let Some(exchange) = self.record.take() else {
            return Ok(None);
        };
        let model = raising(|| mask::model(py, &exchange));
        self.record.put_back(exchange);
        model
    }

    /// Takes the event as the masking function returned it. Raises `TypeError` and `ValueError` when it is none.
    fn set_event(&self, result: &Bound<'_, PyAny>) -> PyResult<bool> {
        let known = self.record.update(|exchange| (exchange.weight(), exchange.transaction_id().to_owned()));
        let Some((weight, transaction_id)) = known else {
            return Ok(false);
        };
        let document = raising(|| mask::masked(result, weight, &transaction_id))?;
        Ok(self.set(Some(document), Exchange::set_document))
    }

    /// Hands the record over.
    fn deliver(&self) {
        if let Some(exchange) = self.record.take() {
            self.settle(|client| client.record(exchange));
        }
    }

    /// A request that carries it may be copied and pickled. There is one record of a call: the copy has `None`.
    fn __reduce__<'py>(slf: &Bound<'py, Self>) -> (Bound<'py, PyType>, Bound<'py, PyTuple>) {
        (slf.py().get_type::<PyNone>(), PyTuple::empty(slf.py()))
    }
}

impl DjangoCall {
    fn set<T>(&self, value: Option<T>, set: impl FnOnce(&mut Exchange, T)) -> bool {
        let is_set = value.is_some();
        if let Some(value) = value {
            self.record.update(|exchange| set(exchange, value));
        }
        is_set
    }

    fn lending(&self) -> MutexGuard<'_, Option<Arc<Lending>>> {
        self.lending.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn settle(&self, hand_over: impl FnOnce(&Client)) {
        self.served.end();
        if guarded(|| hand_over(&self.shared.client)).is_none() {
            self.shared.client.lose();
        }
    }
}

impl Drop for DjangoCall {
    fn drop(&mut self) {
        if self.end() {
            self.deliver();
        }
    }
}
