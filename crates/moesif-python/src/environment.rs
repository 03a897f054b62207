//! Where options come from the environment: read once for each set of settings, on the thread that makes them. (The proxy
//! variables are read by the HTTP library, on the same thread.)
//!
//! Read through Python's `os.environ`, whose copy does not race with the host's own changes as `getenv` would.

use pyo3::prelude::*;
use pyo3::types::PyDict;

/// Variables that hold options, as name and text.
pub(crate) fn option_variables(py: Python<'_>) -> PyResult<Vec<(String, String)>> {
    let environ = py.import("os")?.getattr("environ")?.call_method0("copy")?;
    let variables = environ.cast_into::<PyDict>()?;
    Ok(variables
        .iter()
        .filter_map(|(name, text)| Some((name.extract::<String>().ok()?, text.extract::<String>().ok()?)))
        .filter(|(name, _)| name.starts_with("MOESIF_"))
        .collect())
}
