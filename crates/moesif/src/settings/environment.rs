//! Options from environment variables: `MOESIF_<OPTION>`.

use super::options::{Options, find, nearest};
use super::spec::{Kind, OptionSpec};
use super::{Origin, SettingsError, Value};
use crate::http::NetworkSettings;

/// Start of the names of environment variables.
const PREFIX: &str = "MOESIF_";

/// Returns whether the settings use an environment variable.
pub(super) fn is_read(variable: &str) -> bool {
    variable.starts_with(PREFIX) || NetworkSettings::reads(variable)
}

impl Options {
    /// Sets the options that are in the environment and not yet set.
    ///
    /// # Errors
    ///
    /// [`SettingsError::Invalid`] for the first value that an option does not accept.
    pub(super) fn read_environment(
        &mut self,
        variables: &[(&str, &str)],
        warnings: &mut Vec<String>,
    ) -> Result<(), SettingsError> {
        for (variable, text) in variables.iter().copied() {
            let Some(key) = variable.strip_prefix(PREFIX) else {
                continue;
            };
            match find(key) {
                Some(option) if matches!(option.kind, Kind::Callable { .. }) => warnings.push(format!(
                    "{variable} is ignored: {key} is a function and can only be set in the application"
                )),
                Some(option) if !self.has(option.name) => {
                    self.set(option, &value_of(option, text), Origin::Environment, warnings)?;
                }
                Some(_) => {}
                // The application may have its own variables with this prefix: warn only of likely
                // misspellings.
                None => warnings.extend(nearest(key).map(|name| {
                    format!("environment variable {variable} is not an option: did you mean {PREFIX}{name}?")
                })),
            }
        }
        Ok(())
    }
}

/// Returns the value of a variable: a number if the option takes numbers and the text is one, otherwise text.
fn value_of(option: &OptionSpec, text: &str) -> Value {
    let text = text.trim();
    match option.kind {
        Kind::Integer { .. } => text.parse().map_or_else(|_| text.into(), Value::Integer),
        Kind::Seconds { .. } => text.parse().map_or_else(|_| text.into(), Value::Float),
        _ => text.into(),
    }
}
