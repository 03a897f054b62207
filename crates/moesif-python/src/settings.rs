//! Reads a settings dictionary and has the core check it.

use moesif::settings::{Parsed, keys};
use moesif::{Integration, Settings, settings::Value};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyBytes, PyFloat, PyInt, PyString, PyTuple};

use crate::once::intern;
use crate::{environment, log, python};

/// Checks settings and the environment, and logs warnings to `moesif.settings`.
///
/// Raises `ValueError` for a value that an option cannot take, `TypeError` for settings that are not a
/// mapping.
pub(crate) fn parse(
    given: Option<&Bound<'_, PyAny>>,
    py: Python<'_>,
    integration: Integration,
) -> PyResult<Settings> {
    let Parsed { settings, warnings } = check(given, py, integration)?;
    if settings.debug {
        log::enable_debug(py)?;
        moesif::diagnostics::be_verbose();
    }
    for warning in warnings {
        log::warn(py, "moesif.settings", &warning, None);
    }
    Ok(settings)
}

/// Returns settings for requests below a base URI that no option concerns, except timeouts. Proxies, certificate
/// authorities and timeouts come from the environment. Other options there are not read.
///
/// Raises `ValueError` for a bad base URI or timeout.
pub(crate) fn of_the_network(base_uri: &str, py: Python<'_>) -> PyResult<Settings> {
    // An id is required, but such requests do not have it.
    let options = [(keys::APPLICATION_ID.name(), "none"), (keys::BASE_URI.name(), base_uri)];
    let timeouts = [keys::CONNECT_TIMEOUT.name(), keys::REQUEST_TIMEOUT.name()];
    let environment = environment::variables(py).unwrap_or_default();
    let concerns = |name: &str| name.strip_prefix("MOESIF_").is_none_or(|option| timeouts.contains(&option));
    let Parsed { settings, warnings } = Settings::parse(
        Integration::Api,
        options.map(|(name, text)| (name, Value::from(text))),
        environment.iter().map(|(name, text)| (&**name, &**text)).filter(|(name, _)| concerns(name)),
    )
    .map_err(|error| PyValueError::new_err(error.to_string()))?;
    for warning in warnings {
        log::warn(py, "moesif.settings", &warning, None);
    }
    Ok(settings)
}

/// Does as [`parse`], but logs nothing.
pub(crate) fn check(
    given: Option<&Bound<'_, PyAny>>,
    py: Python<'_>,
    integration: Integration,
) -> PyResult<Parsed> {
    let mut options = Vec::new();
    if let Some(given) = given.filter(|given| !given.is_none()) {
        if !python::is_mapping(given)? {
            let message = format!("settings are {}: expected a dictionary", shown(given));
            return Err(PyTypeError::new_err(message));
        }
        let items = python::call_method(given, intern!(py, "items"), &PyTuple::empty(py))?;
        for item in python::list(&items)? {
            let (key, value) = item.extract::<(Bound<'_, PyAny>, Bound<'_, PyAny>)>()?;
            options.push((key.str()?.to_string_lossy().into_owned(), value_of(&value)));
        }
    }
    let environment = environment::variables(py).unwrap_or_default();
    Settings::parse(
        integration,
        options.iter().map(|(key, value)| (&**key, value.clone())),
        environment.iter().map(|(name, text)| (&**name, &**text)),
    )
    .map_err(|error| PyValueError::new_err(error.to_string()))
}

/// Returns the warnings about the settings of a Django project and the environment, without logging them.
///
/// Raises as [`parse`] does.
#[pyfunction]
pub(crate) fn django_warnings(given: Option<&Bound<'_, PyAny>>, py: Python<'_>) -> PyResult<Vec<String>> {
    Ok(check(given, py, Integration::Django)?.warnings)
}

/// Returns the function under a key. The core has checked that it is one.
pub(crate) fn function(settings: Option<&Bound<'_, PyAny>>, key: &str) -> Option<Py<PyAny>> {
    let value = settings?.get_item(key).ok()?;
    value.is_callable().then(|| value.unbind())
}

/// What an API client uses where its own configuration sets nothing.
#[pyclass(frozen, get_all, module = "moesif._native")]
pub(crate) struct ClientDefaults {
    /// `APPLICATION_ID` of the settings, or else of the environment.
    application_id: Option<String>,
    /// The collector that the settings name: `BASE_URI`, or else `LOCAL_MOESIF_BASEURL`.
    base_uri: Option<String>,
    /// The collector that the environment names: `MOESIF_BASE_URI`.
    environment_base_uri: Option<String>,
}

/// Returns the defaults of an API client next to a middleware with these settings. The settings are not
/// checked.
#[pyfunction]
pub(crate) fn client_defaults(
    py: Python<'_>,
    settings: Option<&Bound<'_, PyAny>>,
) -> PyResult<ClientDefaults> {
    let text = |key| {
        let value = value_of(&settings?.get_item(key).ok()?);
        value.into_text().filter(|text| !text.trim().is_empty())
    };
    let application_id = match text(keys::APPLICATION_ID.name()) {
        Some(id) => Some(id),
        None => environment::option(py, keys::APPLICATION_ID.name())?,
    };
    Ok(ClientDefaults {
        application_id,
        base_uri: text(keys::BASE_URI.name()).or_else(|| text(keys::LOCAL_MOESIF_BASEURL.name())),
        environment_base_uri: environment::option(py, keys::BASE_URI.name())?,
    })
}

fn value_of(value: &Bound<'_, PyAny>) -> Value {
    if value.is_none() {
        Value::Unset
    } else if let Ok(flag) = value.cast::<PyBool>() {
        Value::Flag(flag.is_true())
    } else if let Ok(text) = value.cast::<PyString>() {
        Value::Text(text.to_string_lossy().into_owned())
    } else if let Ok(bytes) = value.cast::<PyBytes>() {
        std::str::from_utf8(bytes.as_bytes()).map_or_else(|_| Value::Other(shown(value)), Value::from)
    } else if value.is_instance_of::<PyInt>() {
        value.extract().map_or_else(|_| Value::Other(shown(value)), Value::Integer)
    } else if let Ok(number) = value.cast::<PyFloat>() {
        Value::Float(number.value())
    } else if let Ok(number) = value.extract::<i64>() {
        // An integer of another library, such as numpy's.
        Value::Integer(number)
    } else if let Ok(number) = value.extract::<f64>() {
        // A decimal or a fraction.
        Value::Float(number)
    } else if value.is_callable() {
        Value::Callable
    } else {
        names(value).map_or_else(|| Value::Other(shown(value)), Value::Names)
    }
}

/// Returns the names in a list, tuple or set of text.
#[expect(clippy::disallowed_methods, reason = "a middleware is being made: nothing is being served")]
fn names(value: &Bound<'_, PyAny>) -> Option<Vec<String>> {
    if python::is_mapping(value).ok()? {
        return None;
    }
    let mut names = Vec::new();
    for item in value.try_iter().ok()? {
        names.push(item.ok()?.extract().ok()?);
    }
    Some(names)
}

/// Returns the `repr()` of a value, shortened to fit a message.
fn shown(value: &Bound<'_, PyAny>) -> String {
    const LONGEST: usize = 80;
    let shown =
        value.repr().map_or_else(|_| "an object".to_owned(), |repr| repr.to_string_lossy().into_owned());
    if shown.chars().count() <= LONGEST {
        return shown;
    }
    shown.chars().take(LONGEST).chain(['…']).collect()
}
