//! Options from environment variables: `MOESIF_<OPTION>`.

use super::misspelling::{Likeness, PREFIX, any_of, meant};
use super::options::{Options, find};
use super::spec::{Kind, OptionSpec};
use super::table::keys;
use super::{Origin, SettingsError, Value};
use crate::http::NetworkSettings;

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
    /// [`SettingsError::Misspelt`] for the first variable that is similar to an option that must not be ignored,
    /// if that option is not set.
    pub(super) fn read_environment(
        &mut self,
        variables: &[(&str, &str)],
        warnings: &mut Vec<String>,
    ) -> Result<(), SettingsError> {
        let mut unknown = Vec::new();
        for (variable, text) in variables.iter().copied() {
            let Some(key) = variable.strip_prefix(PREFIX) else {
                continue;
            };
            match find(key) {
                Some(option) if is_function(option) => warnings.push(format!(
                    "{variable} is ignored: {key} is a function and can only be set in the application"
                )),
                Some(option) if !self.has(option.name) => {
                    self.set(option, &value_of(option, text), Origin::Environment, warnings)?;
                }
                None if !text.trim().is_empty() => unknown.extend(meant(key).map(|meant| (variable, meant))),
                Some(_) | None => {}
            }
        }
        // The application may have its own variables with this prefix, and pass them as settings. So only
        // likely misspellings are reported, and none is an error if the option is set.
        for (variable, mut meant) in unknown {
            meant.options.retain(|option| !is_function(option));
            if meant.options.is_empty() {
                continue;
            }
            // The mask function may read a variable about masks.
            let is_used = meant.options.iter().any(|option| self.has_under_any_name(option))
                || (meant.likeness == Likeness::Mask && self.is_set(keys::MASK_EVENT_MODEL));
            let names = meant.names();
            if meant.is_refused() && !is_used {
                let (key, origin) = (variable.to_owned(), Origin::Environment);
                return Err(SettingsError::Misspelt { key, names, origin });
            }
            warnings.push(format!(
                "environment variable {variable} is not an option and is ignored: did you mean {}?",
                any_of(&names, PREFIX)
            ));
        }
        Ok(())
    }
}

/// Whether the option takes a function, which no variable can hold.
fn is_function(option: &OptionSpec) -> bool {
    matches!(option.kind, Kind::Callable { .. })
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
