//! The application's functions, with the arguments they get under WSGI.

use moesif::Governance;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyTuple};

use crate::callbacks::{self, Recipient, Side, Step};
use crate::gc::traverse;
use crate::once::intern;
use crate::request::{Record, bytes_io};

pub(super) struct Functions {
    callbacks: callbacks::Functions,
    /// Steps whose function takes no response headers, as in older versions of moesifwsgi.
    without_headers: Vec<Step>,
}

traverse!(Functions { callbacks });

impl Functions {
    pub(super) fn new(py: Python<'_>, given: Option<&Bound<'_, PyAny>>) -> Self {
        const APP_AND_ENVIRON: usize = 2;
        let callbacks = callbacks::Functions::new(given, Side::Incoming);
        Self { without_headers: callbacks.taking_at_most(py, APP_AND_ENVIRON), callbacks }
    }

    pub(super) fn callbacks(&self) -> &callbacks::Functions {
        &self.callbacks
    }

    /// Whether no function looks at `environ`.
    pub(super) fn is_empty(&self) -> bool {
        self.callbacks.is_empty()
    }

    /// Calls the functions whose answers governance rules need before the application. Calls `rewind` before
    /// each of them.
    ///
    /// Raises what belongs to the host.
    pub(super) fn ask_early<'py>(
        &self,
        rules: &Governance,
        mut record: &Record,
        app: &Bound<'py, PyAny>,
        environ: &Bound<'py, PyDict>,
        rewind: impl Fn(),
    ) -> PyResult<()> {
        let py = app.py();
        self.callbacks.ask_early(py, rules, &mut record, |step| {
            rewind();
            self.arguments(step, app, environ, || Ok(None))
        })
    }

    /// Calls the functions about a call that has ended. Each finds in `wsgi.input` what the application has
    /// read of the body, from its start. What the application has not read is not read now: the client may
    /// never send it.
    ///
    /// Returns `false` if the application wants the call left out. Raises what belongs to the host.
    pub(super) fn ask<'py>(
        &self,
        record: &mut impl Recipient,
        app: &Bound<'py, PyAny>,
        environ: &Bound<'py, PyDict>,
        body: &Bound<'py, PyBytes>,
    ) -> PyResult<bool> {
        let py = app.py();
        self.callbacks.ask(py, record, |step| {
            if let Ok(input) = bytes_io(body) {
                drop(environ.set_item(intern!(py, "wsgi.input"), input));
            }
            self.arguments(step, app, environ, || environ.get_item(intern!(py, "moesif.response_headers")))
        })
    }

    fn arguments<'py>(
        &self,
        step: Step,
        app: &Bound<'py, PyAny>,
        environ: &Bound<'py, PyDict>,
        response_headers: impl FnOnce() -> PyResult<Option<Bound<'py, PyAny>>>,
    ) -> PyResult<Bound<'py, PyTuple>> {
        let py = app.py();
        let identifies = matches!(step, Step::User | Step::Company);
        if identifies && !self.without_headers.contains(&step) {
            let headers = response_headers()?.unwrap_or_else(|| PyDict::new(py).into_any());
            PyTuple::new(py, [app, environ.as_any(), &headers])
        } else {
            PyTuple::new(py, [app, environ.as_any()])
        }
    }
}
