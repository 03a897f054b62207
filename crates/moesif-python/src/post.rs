//! Documents that an application sends at once, and waits for.

use moesif::{Client, Integration};
use pyo3::prelude::*;

use crate::guard::guarded;
use crate::{json, settings};

/// The way to a collector's API for a program that captures nothing: `ApiClient(settings)`.
///
/// Raises `ValueError` for a bad value in the settings.
#[pyclass(frozen, module = "moesif._native")]
pub(crate) struct ApiClient {
    client: Client,
}

#[pymethods]
impl ApiClient {
    #[new]
    fn new(py: Python<'_>, given: Option<&Bound<'_, PyAny>>) -> PyResult<Self> {
        let parsed = settings::parse(given, py, Integration::Api)?;
        Ok(Self { client: Client::new(parsed) })
    }

    /// Posts JSON text. Returns what went wrong, as a sentence, or `None`.
    fn post(&self, py: Python<'_>, path: &str, json: &str) -> Option<String> {
        post(py, &self.client, path, json)
    }
}

/// Posts JSON text, without holding the interpreter while it waits. Returns what went wrong.
pub(crate) fn post(py: Python<'_>, client: &Client, path: &str, json: &str) -> Option<String> {
    match py.detach(|| guarded(|| client.post(path, json))) {
        Some(posted) => posted.err().map(|error| error.to_string()),
        None => Some("a fault in this package: please report it".to_owned()),
    }
}

/// The JSON text of a user or company.
///
/// Raises `ValueError` when it is no dictionary or longer than 1 MiB, and whatever the values' own methods raise.
#[pyfunction]
pub(crate) fn profile_json(profile: &Bound<'_, PyAny>) -> PyResult<String> {
    Ok(Box::<str>::from(json::object(profile, json::PROFILE_BYTES)?).into())
}
