//! The end of a record.

use moesif::{Client, Exchange, Governance};
use moesif_wire::Body;
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyTuple};

use super::input::bytes_io;
use crate::callbacks::Callback;
use crate::guard::guarded;
use crate::record::Record;
use crate::{convert, json, mask, python};

/// The application's functions that are asked about a request: at its end, and who makes it also before the application
/// where governance needs to know.
pub(super) struct Functions {
    skip: Option<Callback>,
    identify_user: Option<Identify>,
    identify_company: Option<Identify>,
    get_metadata: Option<Callback>,
    get_session_token: Option<Callback>,
    mask_event_model: Option<Callback>,
}

/// A function that says who makes a call.
struct Identify {
    function: Callback,
    /// Functions written for older versions take no response headers.
    takes_headers: bool,
}

impl Identify {
    fn new(py: Python<'_>, given: Option<&Bound<'_, PyAny>>, option: &'static str) -> Option<Self> {
        const RESPONSE_HEADERS: usize = 2;
        let function = Callback::new(given, option, "its result")?;
        Some(Self { takes_headers: function.takes_argument(py, RESPONSE_HEADERS), function })
    }

    fn arguments<'py>(
        &self,
        app: &Bound<'py, PyAny>,
        environ: &Bound<'py, PyDict>,
        response_headers: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyTuple>> {
        let all = [app, environ.as_any(), response_headers];
        PyTuple::new(app.py(), all.into_iter().take(if self.takes_headers { 3 } else { 2 }))
    }
}

impl Functions {
    pub(super) fn new(py: Python<'_>, given: Option<&Bound<'_, PyAny>>) -> Self {
        let callback = |option| Callback::new(given, option, "its result");
        Self {
            skip: callback("SKIP"),
            identify_user: Identify::new(py, given, "IDENTIFY_USER"),
            identify_company: Identify::new(py, given, "IDENTIFY_COMPANY"),
            get_metadata: callback("GET_METADATA"),
            get_session_token: callback("GET_SESSION_TOKEN"),
            mask_event_model: Callback::new(
                given,
                "MASK_EVENT_MODEL",
                "headers, bodies, query, session token and metadata",
            ),
        }
    }

    /// Those that are given `environ`.
    fn of_environ(&self) -> [Option<&Callback>; 5] {
        let identify = [&self.identify_user, &self.identify_company];
        let [user, company] = identify.map(|identify| identify.as_ref().map(|identify| &identify.function));
        let [skip, metadata, token] =
            [&self.skip, &self.get_metadata, &self.get_session_token].map(Option::as_ref);
        [skip, user, company, metadata, token]
    }

    /// Whether any of them looks at `environ`.
    pub(super) fn look_at_environ(&self) -> bool {
        self.of_environ().iter().any(Option::is_some)
    }

    pub(super) fn traverse(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        let all = self.of_environ().into_iter().chain([self.mask_event_model.as_ref()]);
        all.flatten().try_for_each(|callback| callback.traverse(visit))
    }

    /// Whether governance needs to ask any of them before the application is called.
    pub(super) fn are_asked_early(&self, governance: &Governance) -> bool {
        self.identify_user.is_some() && governance.needs_user_id()
            || self.identify_company.is_some() && governance.needs_company_id()
    }

    /// Asks who makes a call before the application is called, as far as governance needs to know; `rewind` comes before
    /// each function.
    ///
    /// Raises only what is not an `Exception`.
    pub(super) fn identify_early(
        &self,
        governance: &Governance,
        record: &Record,
        app: &Bound<'_, PyAny>,
        environ: &Bound<'_, PyDict>,
        rewind: impl Fn(),
    ) -> PyResult<()> {
        let py = app.py();
        let ask = |identify: &Option<Identify>, is_needed: bool, doubt: fn(&mut Exchange)| {
            let Some(identify) = identify.as_ref().filter(|_| is_needed) else {
                return Ok(None);
            };
            rewind();
            let no_headers = PyDict::new(py).into_any();
            let arguments = identify.arguments(app, environ, &no_headers)?;
            identify.function.call_early(py, &arguments, convert::id_text, || {
                record.update(doubt);
            })
        };
        if let Some(id) =
            ask(&self.identify_user, governance.needs_user_id(), Exchange::set_user_identification_failed)?
        {
            record.update(|exchange| exchange.set_user_id(id));
        }
        let doubt = Exchange::set_company_identification_failed;
        if let Some(id) = ask(&self.identify_company, governance.needs_company_id(), doubt)? {
            record.update(|exchange| exchange.set_company_id(id));
        }
        Ok(())
    }

    /// Asks the functions about a call. `false` means that the application wants the call left out.
    fn ask(
        &self,
        exchange: &mut Exchange,
        app: &Bound<'_, PyAny>,
        environ: &Bound<'_, PyDict>,
    ) -> PyResult<bool> {
        let py = app.py();
        let body = PyBytes::new(py, exchange.request_body_bytes());
        publish(exchange, environ);
        let inquiry = Inquiry { environ, body, arguments: PyTuple::new(py, [app, environ.as_any()])? };
        if inquiry.ask(self.skip.as_ref(), |result| python::truth(result).map(Some))? == Some(true) {
            return Ok(false);
        }
        if exchange.user_id().is_none()
            && let Some(id) = inquiry.identify(self.identify_user.as_ref(), app)?
        {
            exchange.set_user_id(id);
        }
        if exchange.company_id().is_none()
            && let Some(id) = inquiry.identify(self.identify_company.as_ref(), app)?
        {
            exchange.set_company_id(id);
        }
        if let Some(metadata) = inquiry.ask(self.get_metadata.as_ref(), json::metadata)? {
            exchange.set_metadata(metadata);
        }
        if let Some(token) = inquiry.ask(self.get_session_token.as_ref(), convert::token_text)? {
            exchange.set_session_token(token);
        }
        Ok(true)
    }
}

/// What functions are told about a call that has ended.
struct Inquiry<'a, 'py> {
    environ: &'a Bound<'py, PyDict>,
    /// What the application has read of the request body.
    body: Bound<'py, PyBytes>,
    /// The application and `environ`.
    arguments: Bound<'py, PyTuple>,
}

impl<'py> Inquiry<'_, 'py> {
    fn ask<T>(
        &self,
        function: Option<&Callback>,
        read: impl FnOnce(&Bound<'py, PyAny>) -> PyResult<Option<T>>,
    ) -> PyResult<Option<T>> {
        function.map_or(Ok(None), |function| self.call(function, &self.arguments, read))
    }

    fn identify(&self, identify: Option<&Identify>, app: &Bound<'py, PyAny>) -> PyResult<Option<String>> {
        let Some(identify) = identify else {
            return Ok(None);
        };
        let py = app.py();
        let headers = self.environ.get_item(intern!(py, "moesif.response_headers"))?;
        let headers = headers.unwrap_or_else(|| PyDict::new(py).into_any());
        let arguments = identify.arguments(app, self.environ, &headers)?;
        self.call(&identify.function, &arguments, convert::id_text)
    }

    /// Each function finds what the application has read in `wsgi.input`, from its start. What it has not read stays where
    /// it is: the client may never send it.
    fn call<T>(
        &self,
        function: &Callback,
        arguments: &Bound<'py, PyTuple>,
        read: impl FnOnce(&Bound<'py, PyAny>) -> PyResult<Option<T>>,
    ) -> PyResult<Option<T>> {
        let py = self.body.py();
        if let Ok(input) = bytes_io(&self.body) {
            drop(self.environ.set_item(intern!(py, "wsgi.input"), input));
        }
        function.call(py, arguments, read)
    }
}

/// Ends a record: asks the application's functions and hands it to the core.
pub(super) fn finish(
    mut exchange: Box<Exchange>,
    client: &Client,
    functions: &Functions,
    app: &Bound<'_, PyAny>,
    environ: &Bound<'_, PyDict>,
) -> PyResult<()> {
    exchange.finish();
    let mut wanted = Ok(true);
    if functions.mask_event_model.is_some() {
        exchange.strip_content();
    }
    if functions.look_at_environ() {
        let key = intern!(environ.py(), "wsgi.input");
        let input = environ.get_item(key).ok().flatten();
        wanted = functions.ask(&mut exchange, app, environ);
        // What stands around us may go on reading where the application stopped.
        if let Some(input) = input {
            drop(environ.set_item(key, input));
        }
    }
    let is_kept = matches!(wanted, Ok(false)) || guarded(|| client.sample(&mut exchange)).unwrap_or(true);
    if let Some(mask) = &functions.mask_event_model
        && matches!(wanted, Ok(true))
        && is_kept
    {
        wanted = mask::apply(app.py(), mask, &mut exchange).map(|()| true);
    }
    let handed_over = guarded(|| match wanted {
        Ok(false) => client.skip(exchange),
        _ if !is_kept => client.sample_out(exchange),
        Ok(true) | Err(_) => client.record(exchange),
    });
    if handed_over.is_none() {
        client.lose();
    }
    wanted.map(drop)
}

/// Puts the request body where functions look for it, before the application runs.
pub(super) fn publish_request_body(record: &Record, environ: &Bound<'_, PyDict>) {
    // Python runs below: the exchange is out of its lock meanwhile.
    if let Some(exchange) = record.take() {
        publish(&exchange, environ);
        record.put_back(exchange);
    }
}

/// `environ['moesif.request_body']`: the parsed JSON document, or the body in base64; `None` where none was read.
fn publish(exchange: &Exchange, environ: &Bound<'_, PyDict>) {
    let py = environ.py();
    let key = intern!(py, "moesif.request_body");
    if environ.contains(key).unwrap_or(true) {
        return;
    }
    let body = guarded(|| exchange.request_body().body).flatten();
    let base64 = |bytes: &[u8]| json::base64(&PyBytes::new(py, bytes)).map(Bound::into_any);
    let value = match &body {
        None => Ok(py.None().into_bound(py)),
        Some(Body::Json(text)) => {
            json::parse(py, text.get()).or_else(|_| base64(exchange.request_body_bytes()))
        }
        Some(Body::Bytes(bytes)) => base64(bytes),
        Some(Body::Base64(text)) => Ok(pyo3::types::PyString::new(py, text).into_any()),
    };
    if let Ok(value) = value {
        drop(environ.set_item(key, value));
    }
}
