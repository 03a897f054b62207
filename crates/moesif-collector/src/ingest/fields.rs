//! Fields of the small documents (actions and profiles), each judged on its own so that a refusal names it.
//! Lenient where official SDKs are: a number stands for the string it is written as, null is absent.

use moesif_wire::{Timestamp, ValidationError, limits, time};
use serde_json::{Map, Value, value::RawValue};

pub(super) type Fields = Map<String, Value>;
type Judged<T> = Result<T, ValidationError>;

/// An action or profile may be this long, in bytes: the contract's limit for an action. As a tree it takes many times
/// that.
const LONGEST: usize = 1024 * 1024;

/// The element as an object.
pub(super) fn object(raw: &RawValue) -> Judged<Fields> {
    let size = raw.get().len();
    if size > LONGEST {
        return Err(ValidationError::too_long("", LONGEST, size));
    }
    match serde_json::from_str(raw.get()) {
        Ok(Value::Object(fields)) => Ok(fields),
        Ok(other) => Err(unexpected("", "an object", &other)),
        Err(error) => Err(ValidationError::unreadable("", &format_args!("cannot be read: {error}"))),
    }
}

/// A field that may be absent. A number is put in its place as a string, so that ids compare as one kind.
pub(super) fn text(fields: &mut Fields, path: &str) -> Judged<Option<String>> {
    let Some(place) = fields.get_mut(last(path)) else {
        return Ok(None);
    };
    let text = match place {
        Value::Null => return Ok(None),
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        Value::Bool(truth) => truth.to_string(),
        other => return Err(unexpected(path, "a string", other)),
    };
    limits::check(path, &text)?;
    *place = Value::String(text.clone());
    Ok(Some(text))
}

/// A field that must be there and not be empty.
pub(super) fn required_text(fields: &mut Fields, path: &str) -> Judged<String> {
    text(fields, path)?
        .filter(|text| !text.is_empty())
        .ok_or_else(|| ValidationError::missing(path, "a string"))
}

/// A date-time, filled with `now` when it is absent. What is there stays as it was written.
pub(super) fn time_or(fields: &mut Fields, path: &str, now: i64) -> Judged<i64> {
    match fields.get(last(path)) {
        None | Some(Value::Null) => {
            let text = Timestamp::from_millis(now).to_string();
            fields.insert(last(path).to_owned(), Value::String(text));
            Ok(now)
        }
        Some(found) => found
            .as_str()
            .and_then(|text| Timestamp::parse(text).ok())
            .map(Timestamp::as_millis)
            .ok_or_else(|| unexpected(path, time::EXPECTED, found)),
    }
}

/// A field that is an object where it is there.
pub(super) fn optional_object(fields: &Fields, path: &str) -> Judged<()> {
    match fields.get(last(path)) {
        None | Some(Value::Null | Value::Object(_)) => Ok(()),
        Some(other) => Err(unexpected(path, "an object", other)),
    }
}

/// The value is not what was expected.
pub(super) fn unexpected(path: &str, expected: &'static str, found: &Value) -> ValidationError {
    ValidationError::unexpected(path, expected, &found.to_string())
}

/// The name behind the last dot: `fields` is the object that holds it.
fn last(path: &str) -> &str {
    path.rsplit('.').next().unwrap_or(path)
}
