//! The one place that reads the environment. The core receives options, proxies and certificate authorities
//! as values.
//!
//! Reads go through Python's `os.environ`: `getenv` could race with changes made by the host.

use moesif::Settings;
use pyo3::prelude::*;
use pyo3::types::PyDict;

/// Returns the variables that the core uses, as pairs of name and text. Called once for each set of settings.
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

/// Returns the text of `MOESIF_<option>`. `None` if the variable is not set or is blank.
#[expect(clippy::disallowed_methods, reason = "`os.environ` runs no code of the application")]
pub(crate) fn option(py: Python<'_>, option: &str) -> PyResult<Option<String>> {
    let environ = py.import("os")?.getattr("environ")?;
    let text: Option<String> = environ.call_method1("get", (format!("MOESIF_{option}"),))?.extract()?;
    Ok(text.filter(|text| !text.trim().is_empty()))
}
