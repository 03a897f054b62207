//! The options that are set. Checks each value and returns it with its type.

use super::lenient::{Replacement, replace};
use super::misspelling::{any_of, meant};
use super::spec::{Key, Kind, OptionSpec, Status};
use super::table::OPTIONS;
use super::value::{Checked, FromChecked, expected};
use super::{Integration, Origin, SettingsError, Value};

/// Options that are set. All others have their defaults.
pub(super) struct Options {
    pub(super) integration: Integration,
    set: Vec<SetOption>,
    /// Keys of the application's settings that are no options.
    unknown: Vec<String>,
}

struct SetOption {
    spec: &'static OptionSpec,
    value: Checked,
    origin: Origin,
}

impl Options {
    pub(super) fn new(integration: Integration) -> Self {
        Self { integration, set: Vec::new(), unknown: Vec::new() }
    }

    /// Sets the options that the application gives. Unknown keys become warnings.
    ///
    /// # Errors
    ///
    /// [`SettingsError::Invalid`] for the first value that an option does not accept.
    /// [`SettingsError::Misspelt`] for the first unknown key that is similar to an option that must not be ignored.
    pub(super) fn read_settings<'a>(
        &mut self,
        given: impl IntoIterator<Item = (&'a str, Value)>,
        warnings: &mut Vec<String>,
    ) -> Result<(), SettingsError> {
        for (key, value) in given {
            if let Some(option) = find(key) {
                self.set(option, &value, Origin::Settings, warnings)?;
                continue;
            }
            warnings.push(match meant(key) {
                Some(meant) if meant.is_refused() => {
                    let (key, names) = (format!("{key:?}"), meant.names());
                    return Err(SettingsError::Misspelt { key, names, origin: Origin::Settings });
                }
                Some(meant) => format!(
                    "{key:?} is not an option and is ignored: did you mean {}?",
                    any_of(&meant.names(), "")
                ),
                None => format!("{key:?} is not an option and is ignored"),
            });
            self.unknown.push(format!("{key:?}"));
        }
        Ok(())
    }

    /// Sets an option. `None` and empty text leave it unset. Adds a warning if another value is used than the
    /// given one.
    pub(super) fn set(
        &mut self,
        spec: &'static OptionSpec,
        value: &Value,
        origin: Origin,
        warnings: &mut Vec<String>,
    ) -> Result<(), SettingsError> {
        let is_unset = *value == Value::Unset || matches!(value, Value::Text(text) if text.trim().is_empty());
        if is_unset || spec.kind == Kind::Ignored {
            return Ok(());
        }
        let checked = match Checked::new(spec.kind, value) {
            Some(checked) => checked,
            None => match replace(spec, value) {
                Some(Replacement { value: Value::Unset, .. }) => {
                    warnings.push(format!("{}{origin} is {value}: it is ignored", spec.name));
                    return Ok(());
                }
                Some(Replacement { value: used, reason }) => {
                    let checked =
                        Checked::new(spec.kind, &used).ok_or_else(|| invalid(spec, value, origin))?;
                    let expected = expected(spec.kind);
                    let reason = reason.map_or_else(String::new, |reason| format!(", because {reason}"));
                    warnings.push(format!(
                        "{}{origin} is {value}: expected {expected}. {used} is used{reason}",
                        spec.name
                    ));
                    checked
                }
                None => return Err(invalid(spec, value, origin)),
            },
        };
        self.set.push(SetOption { spec, value: checked, origin });
        Ok(())
    }

    /// Adds a warning for each option that is set but has no effect in this version.
    pub(super) fn warn_of_missing_effects(&self, warnings: &mut Vec<String>) {
        for option in self.set.iter().filter(|option| self.differs_from_default(option)) {
            let name = option.spec.name;
            match option.spec.status {
                Status::Works => {}
                Status::NotYet => warnings.push(format!("{name} has no effect in this version")),
                Status::NotYetStripsContent => warnings.push(format!(
                    "{name} is not applied in this version: to protect the data, events are sent without headers, bodies, \
                     query, session token and metadata"
                )),
            }
        }
    }

    /// Returns whether an option is set that protects data but has no effect in this version.
    pub(super) fn strips_content(&self) -> bool {
        self.set.iter().any(|option| {
            option.spec.status == Status::NotYetStripsContent && self.differs_from_default(option)
        })
    }

    fn differs_from_default(&self, option: &SetOption) -> bool {
        let is_empty_list = matches!(&option.value, Checked::Names(names) if names.is_empty());
        !is_empty_list && Checked::default_of(option.spec, self.integration).as_ref() != Some(&option.value)
    }

    /// Returns the value of an option, or its default.
    #[expect(clippy::needless_pass_by_value, reason = "keys are constants")]
    pub(super) fn get<T: FromChecked>(&self, key: Key<T>) -> T {
        let set = self.find(key.spec.name).map(|option| option.value.clone());
        T::from_checked(set.or_else(|| Checked::default_of(&key.spec, self.integration)))
    }

    /// Returns the value of a numeric option as `usize`.
    pub(super) fn size(&self, key: Key<u64>) -> usize {
        usize::try_from(self.get(key)).unwrap_or(usize::MAX)
    }

    #[expect(clippy::needless_pass_by_value, reason = "keys are constants")]
    pub(super) fn is_set<T>(&self, key: Key<T>) -> bool {
        self.has(key.spec.name)
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.find(name).is_some()
    }

    /// Returns whether an option is set under its name, an older name or a newer one.
    pub(super) fn has_under_any_name(&self, option: &OptionSpec) -> bool {
        let newest = |option: &OptionSpec| option.older_name_of.unwrap_or(option.name);
        self.set.iter().any(|set| newest(set.spec) == newest(option))
    }

    /// Returns an error about a required option that is not set.
    #[expect(clippy::needless_pass_by_value, reason = "keys are constants")]
    pub(super) fn missing<T>(&self, key: Key<T>) -> SettingsError {
        SettingsError::Missing { name: key.spec.name, unknown: self.unknown.clone() }
    }

    /// Returns an error about the value of an option.
    #[expect(clippy::needless_pass_by_value, reason = "keys are constants")]
    pub(super) fn invalid<T>(&self, key: Key<T>, value: String, expected: String) -> SettingsError {
        let name = key.spec.name;
        let origin = self.find(name).map_or(Origin::Settings, |option| option.origin);
        SettingsError::Invalid { name, origin, value, expected }
    }

    fn find(&self, name: &str) -> Option<&SetOption> {
        self.set.iter().find(|option| option.spec.name == name)
    }
}

fn invalid(spec: &OptionSpec, value: &Value, origin: Origin) -> SettingsError {
    SettingsError::Invalid {
        name: spec.name,
        origin,
        value: value.to_string(),
        expected: expected(spec.kind),
    }
}

/// Returns the option with this name.
pub(super) fn find(name: &str) -> Option<&'static OptionSpec> {
    OPTIONS.iter().find(|option| option.name == name)
}
