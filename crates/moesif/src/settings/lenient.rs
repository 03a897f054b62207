//! Values that an option does not take, but that the replaced packages accept and whose meaning is clear.
//!
//! | Value | Used as |
//! |---|---|
//! | `10.0` or `"10"` for a whole number, `"0.5"` for seconds | the number |
//! | a whole number of 0 or less, if the option says what that means | what the option says |
//! | a number above the limit of an option of the replaced packages | the limit |
//! | `1.0` or `0.0` for a truth value | `True` or `False` |
//! | a number for text | its digits |
//! | `False` for a function | not set |

use super::spec::{Kind, OptionSpec};
use super::value::Value;

/// Why the limit is used.
const LARGEST: &str = "this is the largest value";

/// A value that is used instead of the given one.
#[derive(Debug, PartialEq)]
pub(super) struct Replacement {
    pub(super) value: Value,
    /// Why another value is used, if the value itself does not say it.
    pub(super) reason: Option<&'static str>,
}

/// Returns the value to use instead of one that the option does not take. `None` if its meaning is not clear.
pub(super) fn replace(spec: &OptionSpec, value: &Value) -> Option<Replacement> {
    let value = match (spec.kind, value) {
        (Kind::Integer { max, .. }, _) => return whole_number(spec, max, value),
        (Kind::Seconds { max, .. }, _) => return seconds(spec, max, value),
        (Kind::Flag, Value::Float(0.0)) => Value::Flag(false),
        (Kind::Flag, Value::Float(1.0)) => Value::Flag(true),
        (Kind::Text, _) => Value::Text(value.clone().into_text()?),
        (Kind::Callable { .. }, Value::Flag(false)) => Value::Unset,
        _ => return None,
    };
    Some(Replacement { value, reason: None })
}

fn whole_number(spec: &OptionSpec, max: u64, value: &Value) -> Option<Replacement> {
    let number = match value {
        Value::Integer(number) => *number,
        Value::Float(number) => from_float(*number)?,
        Value::Text(text) => {
            let text = text.trim();
            text.parse().ok().or_else(|| from_float(text.parse().ok()?))?
        }
        _ => return None,
    };
    if let Some(meaning) = spec.zero_or_less.filter(|_| number <= 0) {
        let value = Value::Integer(i64::try_from(meaning.value).ok()?);
        return Some(Replacement { value, reason: Some(meaning.reason) });
    }
    let limit = i64::try_from(max).ok()?;
    if number > limit && has_soft_limit(spec) {
        return Some(Replacement { value: Value::Integer(limit), reason: Some(LARGEST) });
    }
    (*value != Value::Integer(number)).then_some(Replacement { value: Value::Integer(number), reason: None })
}

fn seconds(spec: &OptionSpec, max: f64, value: &Value) -> Option<Replacement> {
    let number = match value {
        Value::Integer(number) => f64::from(i32::try_from(*number).unwrap_or(i32::MAX)),
        Value::Float(number) => *number,
        Value::Text(text) => text.trim().parse().ok()?,
        _ => return None,
    };
    if number > max && has_soft_limit(spec) {
        return Some(Replacement { value: Value::Float(max), reason: Some(LARGEST) });
    }
    matches!(value, Value::Text(_)).then_some(Replacement { value: Value::Float(number), reason: None })
}

/// Returns whether the limit replaces a larger number. The replaced packages have no limits. Those of our own
/// options are always enforced.
fn has_soft_limit(spec: &OptionSpec) -> bool {
    !spec.packages.is_empty()
}

/// Returns a float as a whole number, if it is one and floats of its size are exact.
fn from_float(number: f64) -> Option<i64> {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    // Printing and parsing avoids a cast, which would hide a loss.
    (number.fract() == 0.0 && number.abs() <= EXACT).then(|| format!("{number:.0}").parse().ok())?
}
