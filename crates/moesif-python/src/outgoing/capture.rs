//! The settings of outgoing calls.

use moesif::{Client, Integration};
use pyo3::exceptions::PyValueError;
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;

use super::OutgoingCall;
use super::message;
use crate::callbacks::{Functions, Side};
use crate::gc::{Traverse, traverse};
use crate::guard::{caught, guarded};
use crate::request::Destination;
use crate::{log, settings};

/// How outgoing calls are captured: `OutgoingCapture(settings, integration)`. `integration` is `wsgi` or
/// `django` for the settings of a middleware, whose pipeline is then shared, and `outgoing` for settings of
/// their own.
///
/// Raises `ValueError` for a value an option cannot take, `TypeError` for settings that are not a mapping.
#[pyclass(frozen, module = "moesif._native")]
pub(crate) struct OutgoingCapture {
    pub(super) client: Client,
    pub(super) functions: Functions,
}

traverse!(OutgoingCapture { functions });

#[pymethods]
impl OutgoingCapture {
    #[new]
    fn new(py: Python<'_>, given: Option<&Bound<'_, PyAny>>, integration: &str) -> PyResult<Self> {
        let parsed = match integration {
            // The middleware has logged the warnings about these settings.
            "wsgi" => settings::check(given, py, Integration::Wsgi)?.settings,
            "django" => settings::check(given, py, Integration::Django)?.settings,
            "outgoing" => settings::parse(given, py, Integration::Outgoing)?,
            _ => {
                let message = format!("integration is {integration:?}: expected wsgi, django or outgoing");
                return Err(PyValueError::new_err(message));
            }
        };
        Ok(Self {
            client: Client::new(parsed.for_outgoing()),
            functions: Functions::new(given, Side::Outgoing),
        })
    }

    /// Where events are sent, and for which application.
    #[getter]
    fn destination(&self) -> Destination {
        Destination::of(&self.client)
    }

    /// How many bytes of a request body are recorded. `None` if bodies are not recorded.
    #[getter]
    fn body_limit(&self) -> Option<usize> {
        let policy = self.client.policy();
        policy.log_body.then_some(policy.request_max_body_size)
    }

    /// Starts the record of a call. `incoming` is the transaction id of the call that is being served, if
    /// there is one. Returns `None` for a call that is not recorded: one to the collector, or one that cannot
    /// be read.
    ///
    /// Raises only what belongs to the host.
    fn begin(
        slf: &Bound<'_, Self>,
        request: &Bound<'_, PyAny>,
        incoming: Option<String>,
    ) -> PyResult<Option<OutgoingCall>> {
        let Self { client, functions } = slf.get();
        let begun = caught(|| -> PyResult<_> {
            let Some(mut exchange) = client.begin() else {
                return Ok(None);
            };
            if functions.mask().is_some() {
                exchange.strip_content();
            }
            message::read_request(request, client.policy().log_body, &mut exchange)?;
            Ok(Some(exchange))
        });
        // Only now: beginning the first call may add a message.
        log::drain(request.py());
        let begun = begun.unwrap_or_else(|reason| {
            client.lose(reason);
            Ok(None)
        })?;
        let Some(exchange) = begun else {
            return Ok(None);
        };
        // Calls to the collector are neither recorded nor counted.
        if guarded(|| client.is_own_traffic(&exchange)).unwrap_or(false) {
            return Ok(None);
        }
        Ok(Some(OutgoingCall::new(exchange, slf.clone().unbind(), incoming)))
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        self.traverse(&visit)
    }
}
