//! The application's functions that are asked about an outgoing call.

use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use pyo3::types::PyTuple;

use crate::callbacks::Callback;
use crate::record::Record;
use crate::{convert, json, python};

/// Those of one set of settings.
pub(super) struct Functions {
    skip: Option<Callback>,
    identify_user: Option<Callback>,
    identify_company: Option<Callback>,
    get_metadata: Option<Callback>,
    get_session_token: Option<Callback>,
    /// Given the event, when it has ended.
    pub(super) mask_event_model: Option<Callback>,
}

impl Functions {
    pub(super) fn new(given: Option<&Bound<'_, PyAny>>) -> Self {
        let callback = |option| Callback::new(given, option, "its result");
        Self {
            skip: callback("SKIP_OUTGOING"),
            identify_user: callback("IDENTIFY_USER_OUTGOING"),
            identify_company: callback("IDENTIFY_COMPANY_OUTGOING"),
            get_metadata: callback("GET_METADATA_OUTGOING"),
            get_session_token: callback("GET_SESSION_TOKEN_OUTGOING"),
            mask_event_model: Callback::new(
                given,
                "MASK_EVENT_MODEL",
                "headers, bodies, query, session token and metadata",
            ),
        }
    }

    /// Asks about a call, with the request and the response (`None` where there is none). `false` means that the application wants
    /// the call left out.
    ///
    /// Raises only what is not an `Exception`.
    pub(super) fn ask(
        &self,
        record: &Record,
        request: &Bound<'_, PyAny>,
        response: &Bound<'_, PyAny>,
    ) -> PyResult<bool> {
        let py = request.py();
        let both = PyTuple::new(py, [request, response])?;
        if let Some(skip) = &self.skip
            && skip.call(py, &both, |result| python::truth(result).map(Some))? == Some(true)
        {
            return Ok(false);
        }
        if let Some(function) = &self.identify_user
            && let Some(id) = function.call(py, &both, convert::id_text)?
        {
            record.update(|exchange| exchange.set_user_id(id));
        }
        if let Some(function) = &self.identify_company
            && let Some(id) = function.call(py, &both, convert::id_text)?
        {
            record.update(|exchange| exchange.set_company_id(id));
        }
        if let Some(function) = &self.get_metadata
            && let Some(metadata) = function.call(py, &both, json::metadata)?
        {
            record.update(|exchange| exchange.set_metadata(metadata));
        }
        if let Some(function) = &self.get_session_token
            && let Some(token) = function.call(py, &both, convert::token_text)?
        {
            record.update(|exchange| exchange.set_session_token(token));
        }
        Ok(true)
    }

    pub(super) fn traverse(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        let all = [
            &self.skip,
            &self.identify_user,
            &self.identify_company,
            &self.get_metadata,
            &self.get_session_token,
            &self.mask_event_model,
        ];
        all.into_iter().flatten().try_for_each(|callback| callback.traverse(visit))
    }
}
