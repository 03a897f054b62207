//! Reads remote documents: configuration and rules. People write them by hand, so an invalid part is skipped
//! and reported, and the rest is used.

use std::{collections::HashMap, fmt};

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;

use crate::text::{excerpt, is_null};

/// A part of a remote document that is not used, because its value is not valid.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidField {
    /// Path of the part, such as `user_sample_rate.u-17`.
    pub path: String,
    /// Start of its JSON text.
    pub found: String,
    /// Value that the contract requires.
    pub expected: &'static str,
}

impl fmt::Display for InvalidField {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { path, found, expected } = self;
        write!(formatter, "{path} is {found}, expected {expected}")
    }
}

/// The invalid parts found so far in a document.
#[derive(Default)]
pub(crate) struct InvalidFields(pub(crate) Vec<InvalidField>);

impl InvalidFields {
    pub(crate) fn add(&mut self, path: impl Into<String>, found: &RawValue, expected: &'static str) {
        self.0.push(InvalidField { path: path.into(), found: excerpt(found.get()), expected });
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }
}

/// Returns the members of an object. `None` for any other value.
pub(crate) fn object(json: &RawValue) -> Option<HashMap<String, &RawValue>> {
    serde_json::from_str(json.get()).ok()
}

/// Returns the items of an array. `None` for any other value.
pub(crate) fn array(json: &RawValue) -> Option<Vec<&RawValue>> {
    serde_json::from_str(json.get()).ok()
}

/// Returns a member that is neither absent nor null.
pub(crate) fn present<'a>(members: &HashMap<String, &'a RawValue>, name: &str) -> Option<&'a RawValue> {
    members.get(name).copied().filter(|value| !is_null(value))
}

/// Returns the text of a string, and the JSON text of any other value. `None` for null.
pub(crate) fn text(json: &RawValue) -> Option<String> {
    match json.get() {
        "null" => None,
        string if string.starts_with('"') => serde_json::from_str(string).ok(),
        other => serde_json::from_str::<IgnoredAny>(other).ok().map(|_| other.to_owned()),
    }
}

/// Returns a number. A string that holds a number counts as one.
pub(crate) fn number(json: &RawValue) -> Option<f64> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Number {
        Number(f64),
        Text(String),
    }
    match serde_json::from_str(json.get()).ok()? {
        Number::Number(number) => Some(number),
        Number::Text(text) => text.trim().parse().ok().filter(|number: &f64| number.is_finite()),
    }
}

/// Returns a boolean. `None` for any other value.
pub(crate) fn boolean(json: &RawValue) -> Option<bool> {
    serde_json::from_str(json.get()).ok()
}
