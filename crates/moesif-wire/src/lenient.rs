//! Reading documents other people write: a field of the wrong kind costs itself, or the entry it stands in, never its
//! neighbours.

use std::collections::HashMap;

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;

/// The members of an object, as text. `None` for anything else.
pub(crate) fn object(json: &RawValue) -> Option<HashMap<String, &RawValue>> {
    serde_json::from_str(json.get()).ok()
}

/// The items of an array. `None` for anything else.
pub(crate) fn array(json: &RawValue) -> Option<Vec<&RawValue>> {
    serde_json::from_str(json.get()).ok()
}

/// A member that is there and not `null`.
pub(crate) fn present<'a>(members: &HashMap<String, &'a RawValue>, name: &str) -> Option<&'a RawValue> {
    members.get(name).copied().filter(|value| value.get() != "null")
}

/// A string as it is, any other value as its JSON text. `None` for `null`.
pub(crate) fn text(json: &RawValue) -> Option<String> {
    match json.get() {
        "null" => None,
        string if string.starts_with('"') => serde_json::from_str(string).ok(),
        other => serde_json::from_str::<IgnoredAny>(other).ok().map(|_| other.to_owned()),
    }
}

/// A number, also written as a string.
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

/// A truth value. `None` for anything else.
pub(crate) fn boolean(json: &RawValue) -> Option<bool> {
    serde_json::from_str(json.get()).ok()
}

/// The first characters of a value, for a message.
pub(crate) fn excerpt(json: &RawValue) -> String {
    const LONGEST: usize = 60;
    let mut excerpt: String = json.get().chars().take(LONGEST).collect();
    if excerpt.len() < json.get().len() {
        excerpt.push('…');
    }
    excerpt
}
