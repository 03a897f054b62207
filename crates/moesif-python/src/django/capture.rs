//! The settings of a Django project.

use std::sync::Arc;

use moesif::settings::DjangoUser;
use moesif::{Client, Governance, Integration};
use pyo3::prelude::*;

use super::call::DjangoCall;
use super::request;
use crate::api::{self, ApiCall};
use crate::callbacks::{Side, Step};
use crate::guard::{caught, raising};
use crate::interruption::if_possible;
use crate::request::EarlyBody;
use crate::request::governance::FaultLog;
use crate::{log, settings};

/// How the calls of a Django project are captured: `DjangoCapture(settings, django_settings)`.
///
/// Raises `ValueError` for a value an option cannot take, `TypeError` for settings that are not a mapping.
#[pyclass(frozen, module = "moesif._native")]
pub(crate) struct DjangoCapture {
    shared: Arc<Shared>,
    captures_outgoing: bool,
    debug: bool,
}

/// What every call needs of the settings.
pub(super) struct Shared {
    pub(super) client: Client,
    /// Whether the settings have a `MASK_EVENT_MODEL`. An event is then sent without its content unless the
    /// mask has seen it.
    pub(super) is_masked: bool,
    read_request_body_first: bool,
    user: DjangoUser,
    /// `django.conf.settings`
    django: Py<PyAny>,
    pub(super) governance_faults: FaultLog,
}

#[pymethods]
impl DjangoCapture {
    #[new]
    fn new(py: Python<'_>, given: Option<&Bound<'_, PyAny>>, django: Py<PyAny>) -> PyResult<Self> {
        let parsed = settings::parse(given, py, Integration::Django)?;
        let (captures_outgoing, debug) = (parsed.outgoing.captured, parsed.debug);
        let shared = Shared {
            is_masked: settings::function(given, Step::Mask.option(Side::Incoming)).is_some(),
            read_request_body_first: parsed.read_request_body_first,
            user: parsed.django_user,
            django,
            governance_faults: FaultLog::default(),
            client: Client::new(parsed),
        };
        Ok(Self { shared: Arc::new(shared), captures_outgoing, debug })
    }

    /// `LOG_BODY`
    #[getter]
    fn log_body(&self) -> bool {
        self.shared.client.policy().log_body
    }

    /// `API_VERSION`
    #[getter]
    fn api_version(&self) -> Option<&str> {
        self.shared.client.policy().api_version.as_deref()
    }

    /// `LOCAL_DEBUG`, or `DEBUG`
    #[getter]
    fn debug(&self) -> bool {
        self.debug
    }

    /// Whether the user of a session is looked up if the view did not do it.
    #[getter]
    fn looks_up_user(&self) -> bool {
        self.shared.user == DjangoUser::Auto
    }

    /// `CAPTURE_OUTGOING_REQUESTS`
    #[getter]
    fn captures_outgoing(&self) -> bool {
        self.captures_outgoing
    }

    /// Returns a POST of JSON text to the collector.
    fn post(&self, path: &str, document: &str) -> PyResult<ApiCall> {
        api::post(&self.shared.client, path, document)
    }

    /// Starts the record of a request. `None` if it cannot be recorded.
    ///
    /// Raises only what belongs to the host, met while reading the body ahead.
    fn begin(&self, request: &Bound<'_, PyAny>) -> PyResult<Option<DjangoCall>> {
        let shared = &self.shared;
        let begun = caught(|| -> PyResult<_> {
            let Some((mut exchange, rules)) = shared.client.begin_governed() else {
                return Ok(None);
            };
            if shared.is_masked {
                exchange.strip_content();
            }
            let head = request::read(request, shared.django.bind(request.py()), &mut exchange)?;
            Ok(Some((exchange, rules, head)))
        });
        // Only now: beginning the first call may add a message.
        log::drain(request.py());
        let begun = begun.unwrap_or_else(|reason| {
            shared.client.lose(reason);
            Ok(None)
        })?;
        let Some((exchange, rules, head)) = begun else {
            return Ok(None);
        };
        let call = DjangoCall::new(exchange, Arc::clone(shared), rules);
        if let Some(head) = head.filter(|head| head.request.may_have_body) {
            self.record_body(request, &call, head)?;
        }
        Ok(Some(call))
    }
}

impl DjangoCapture {
    /// Arranges that the body is recorded as the view reads it. Reads it now if the settings or governance
    /// rules want that and it may be read.
    ///
    /// Raises only what belongs to the host, met while reading.
    fn record_body(
        &self,
        request: &Bound<'_, PyAny>,
        call: &DjangoCall,
        head: request::Head,
    ) -> PyResult<()> {
        let policy = self.shared.client.policy();
        let rules_need = |needs: fn(&Governance) -> bool| call.rules().is_some_and(needs);
        let read_first = self.shared.read_request_body_first || rules_need(Governance::needs_request_body);
        let asks_early = rules_need(|rules| Step::ASKED.iter().any(|step| step.is_needed_early(rules)));
        let request::Head { request: mut head, is_spooled } = head;
        if is_spooled
            && (read_first || asks_early)
            && let Some(length) = if_possible(request.py(), raising(|| request::spooled_length(request)))?
        {
            head.set_arrived(length);
        }
        let length = head.length_to_read_first(policy);
        let mut known = None;
        if policy.log_body || read_first {
            known = raising(|| request::record_body(request, call.record(), length.filter(|_| read_first)))?;
        }
        if asks_early && let Some(stream) = raising(|| request::unread_stream(request))? {
            call.set_early_body(raising(|| EarlyBody::new(&stream, call.record(), known, length))?);
        }
        Ok(())
    }
}
