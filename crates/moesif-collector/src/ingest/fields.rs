//! Reads fields of actions and profiles. Each error names its field. Official SDKs send numbers instead of
//! strings, and null for absent fields, so both are accepted.

use moesif_wire::{Timestamp, ValidationError, limits, time};
use serde_json::{Map, Value, value::RawValue};

pub(super) type Fields = Map<String, Value>;
type Validated<T> = Result<T, ValidationError>;

/// Maximum size of an action or profile in bytes. It is the contract's limit for an action. The JSON tree
/// uses many times as much memory.
const MAX_SIZE: usize = 1024 * 1024;

/// Parses an element that must be an object.
pub(super) fn object(raw: &RawValue) -> Validated<Fields> {
    let size = raw.get().len();
    if size > MAX_SIZE {
        return Err(ValidationError::too_long("", MAX_SIZE, size));
    }
    match serde_json::from_str(raw.get()) {
        Ok(Value::Object(fields)) => Ok(fields),
        Ok(other) => Err(unexpected("", "an object", &other)),
        Err(error) => Err(ValidationError::unreadable("", &format_args!("cannot be read: {error}"))),
    }
}

/// Reads a text field. Replaces a number or boolean in the document by its text, so that ids compare as
/// strings.
pub(super) fn optional_text(fields: &mut Fields, path: &str) -> Validated<Option<String>> {
    let Some(value) = fields.get_mut(name(path)) else {
        return Ok(None);
    };
    let text = match value {
        Value::Null => return Ok(None),
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        Value::Bool(boolean) => boolean.to_string(),
        other => return Err(unexpected(path, "a string", other)),
    };
    limits::check(path, &text)?;
    *value = Value::String(text.clone());
    Ok(Some(text))
}

/// Reads a text field that must be present and not empty.
pub(super) fn required_text(fields: &mut Fields, path: &str) -> Validated<String> {
    optional_text(fields, path)?
        .filter(|text| !text.is_empty())
        .ok_or_else(|| ValidationError::missing(path, "a string"))
}

/// Reads a date-time and returns it in milliseconds since the Unix epoch. Sets an absent one to `now`. Keeps
/// the text of a present one.
pub(super) fn time_or(fields: &mut Fields, path: &str, now: i64) -> Validated<i64> {
    match fields.get(name(path)) {
        None | Some(Value::Null) => {
            let text = Timestamp::from_millis(now).to_string();
            fields.insert(name(path).to_owned(), Value::String(text));
            Ok(now)
        }
        Some(value) => value
            .as_str()
            .and_then(|text| Timestamp::parse(text).ok())
            .map(Timestamp::as_millis)
            .ok_or_else(|| unexpected(path, time::EXPECTED, value)),
    }
}

/// Checks that a field is an object, if it is present.
pub(super) fn optional_object(fields: &Fields, path: &str) -> Validated<()> {
    match fields.get(name(path)) {
        None | Some(Value::Null | Value::Object(_)) => Ok(()),
        Some(other) => Err(unexpected(path, "an object", other)),
    }
}

/// Treats an empty string as absent.
pub(super) fn non_empty(text: Option<String>) -> Option<String> {
    text.filter(|text| !text.is_empty())
}

pub(super) fn unexpected(path: &str, expected: &'static str, found: &Value) -> ValidationError {
    ValidationError::unexpected(path, expected, &found.to_string())
}

/// Returns the last part of a path: the field's name in the object that holds it.
fn name(path: &str) -> &str {
    path.rsplit('.').next().unwrap_or(path)
}
