//! The one place where the environment is read: once for each set of settings, on the thread that makes them. Options,
//! proxies and certificate authorities go into the core as values.
//!
//! Read through Python's `os.environ`, whose copy does not race with the host's own changes as `getenv` would.

use moesif::Settings;
use pyo3::prelude::*;
use pyo3::types::PyDict;

/// The variables the core has a use for, as name and text.
#[expect(clippy::disallowed_methods, reason = "a middleware is being made: nothing is being served")]
pub(crate) fn variables(py: Python<'_>) -> PyResult<Vec<(String, String)>> {
    let environ = py.import("os")?.getattr("environ")?.call_method0("copy")?;
    let variables = environ.cast_into::<PyDict>()?;
    Ok(variables
        .iter()
        .filter_map(|(name, text)| Some((name.extract::<String>().ok()?, text.extract::<String>().ok()?)))
        .filter(|(name, _)| Settings::reads(name))
        .collect())
}
