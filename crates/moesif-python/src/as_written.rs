//! The client for requests that are sent as a program wrote them, to any server.

use moesif::Client;
use pyo3::prelude::*;

use crate::api::ApiClient;
use crate::settings;

/// Returns a client for the server of this base URI.
///
/// Raises `ValueError` for a bad base URI, or a bad timeout in the environment.
#[pyfunction]
pub(crate) fn client_as_written(py: Python<'_>, base_uri: &str) -> PyResult<ApiClient> {
    Ok(ApiClient::of(&Client::new(settings::of_the_network(base_uri, py)?)))
}
