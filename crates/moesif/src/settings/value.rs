//! Values of options: as the host language passes them, and checked against the kind of the option.

use std::fmt;
use std::time::Duration;

use super::spec::{Fallback, Kind, OptionSpec};
use super::{DjangoUser, Integration};

/// A value as the host language passes it.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// No value, such as Python's `None`.
    Unset,
    /// Text.
    Text(String),
    /// Truth value.
    Flag(bool),
    /// Whole number. A number that does not fit is a [`Value::Other`].
    Integer(i64),
    /// Any other number.
    Float(f64),
    /// List of text.
    Names(Vec<String>),
    /// Something that can be called; the caller keeps it.
    Callable,
    /// Anything else, as the host language prints it.
    Other(String),
}

impl Value {
    /// Returns what an option for text takes: text, or a number as text. `None` for other values.
    #[must_use]
    pub fn into_text(self) -> Option<String> {
        match self {
            Self::Text(text) => Some(text),
            Self::Integer(_) | Self::Float(_) => Some(self.to_string()),
            _ => None,
        }
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unset => f.write_str("nothing"),
            Self::Text(text) => write!(f, "'{text}'"),
            Self::Flag(true) => f.write_str("True"),
            Self::Flag(false) => f.write_str("False"),
            Self::Integer(number) => write!(f, "{number}"),
            // As Python prints it: 10.0 is not an integer.
            Self::Float(number) => write!(f, "{number:?}"),
            Self::Names(names) => write!(f, "{names:?}"),
            Self::Callable => f.write_str("a function"),
            Self::Other(printed) => f.write_str(printed),
        }
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<bool> for Value {
    fn from(flag: bool) -> Self {
        Self::Flag(flag)
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self::Integer(number)
    }
}

impl From<f64> for Value {
    fn from(number: f64) -> Self {
        Self::Float(number)
    }
}

/// A value of the right kind and within its limits.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Checked {
    Text(String),
    Flag(bool),
    Integer(u64),
    Seconds(f64),
    Names(Vec<String>),
    Callable,
}

impl Checked {
    /// Returns the value if an option of this kind accepts it.
    pub(super) fn new(kind: Kind, value: &Value) -> Option<Self> {
        match (kind, value) {
            (Kind::Text | Kind::Path, Value::Text(text)) => Some(Self::Text(text.clone())),
            (Kind::Flag, Value::Flag(flag)) => Some(Self::Flag(*flag)),
            (Kind::Flag, Value::Integer(0)) => Some(Self::Flag(false)),
            (Kind::Flag, Value::Integer(1)) => Some(Self::Flag(true)),
            (Kind::Flag, Value::Text(text)) => parse_flag(text).map(Self::Flag),
            (Kind::Integer { min, max, .. }, Value::Integer(number)) => {
                u64::try_from(*number).ok().filter(|number| (min..=max).contains(number)).map(Self::Integer)
            }
            (Kind::Seconds { min, max }, Value::Float(seconds)) => {
                (min..=max).contains(seconds).then_some(Self::Seconds(*seconds))
            }
            (Kind::Seconds { .. }, Value::Integer(seconds)) => {
                Self::new(kind, &Value::Float(f64::from(i32::try_from(*seconds).ok()?)))
            }
            (Kind::Names, Value::Names(names)) => {
                let names = names.iter().map(|name| name.trim().to_owned());
                Some(Self::Names(names.filter(|name| !name.is_empty()).collect()))
            }
            (Kind::Names, Value::Text(text)) => Some(Self::Names(split_names(text))),
            (Kind::Choice(words), Value::Text(text)) => {
                words.contains(&&**text).then(|| Self::Text(text.clone()))
            }
            (Kind::Callable { .. }, Value::Callable) => Some(Self::Callable),
            _ => None,
        }
    }

    /// Returns the default of an option, if it has one.
    pub(super) fn default_of(option: &OptionSpec, integration: Integration) -> Option<Self> {
        Some(match (option.default, option.kind) {
            (Fallback::Required | Fallback::Unset, _) => return None,
            (Fallback::Text(text), Kind::Names) => Self::Names(split_names(text)),
            (Fallback::Text(text), _) => Self::Text(text.to_owned()),
            (Fallback::Flag(flag), _) => Self::Flag(flag),
            (Fallback::Seconds(seconds), _) => Self::Seconds(seconds),
            (Fallback::Integer(_) | Fallback::IntegerPer { .. }, _) => {
                Self::Integer(option.integer_default(integration)?)
            }
        })
    }
}

/// A type that the value of an option can be converted to.
pub(super) trait FromChecked {
    /// Converts a value. `None` means that the option has neither a value nor a default.
    fn from_checked(value: Option<Checked>) -> Self;
}

impl FromChecked for bool {
    fn from_checked(value: Option<Checked>) -> Self {
        value == Some(Checked::Flag(true))
    }
}

impl FromChecked for u64 {
    fn from_checked(value: Option<Checked>) -> Self {
        if let Some(Checked::Integer(number)) = value { number } else { 0 }
    }
}

impl FromChecked for Duration {
    fn from_checked(value: Option<Checked>) -> Self {
        let seconds = if let Some(Checked::Seconds(seconds)) = value { seconds } else { 0.0 };
        Self::try_from_secs_f64(seconds).unwrap_or_default()
    }
}

impl FromChecked for Option<String> {
    fn from_checked(value: Option<Checked>) -> Self {
        if let Some(Checked::Text(text)) = value { Some(text) } else { None }
    }
}

impl FromChecked for String {
    fn from_checked(value: Option<Checked>) -> Self {
        Option::from_checked(value).unwrap_or_default()
    }
}

impl FromChecked for Vec<String> {
    fn from_checked(value: Option<Checked>) -> Self {
        if let Some(Checked::Names(names)) = value { names } else { Self::new() }
    }
}

impl FromChecked for DjangoUser {
    fn from_checked(value: Option<Checked>) -> Self {
        match value {
            Some(Checked::Text(word)) if word == "resolved" => Self::Resolved,
            _ => Self::Auto,
        }
    }
}

/// Describes the values that [`Checked::new`] accepts, for an error message.
pub(super) fn expected(kind: Kind) -> String {
    match kind {
        Kind::Text => "text".to_owned(),
        Kind::Path => "the path of a directory".to_owned(),
        Kind::Flag => {
            let words = [TRUE_WORDS, FALSE_WORDS].concat().join(", ");
            format!("True or False, 1 or 0, or one of the words {words}")
        }
        Kind::Integer { min, max, unit } => format!("a whole number of {unit} from {min} to {max}"),
        Kind::Seconds { min, max } => format!("a number of seconds from {min} to {max}"),
        Kind::Names => "a list of names, or text with commas".to_owned(),
        Kind::Choice(words) => format!("one of {}", words.join(", ")),
        Kind::Callable { wsgi, django, .. } if wsgi == django => format!("a function ({wsgi})"),
        Kind::Callable { wsgi, django, .. } => format!("a function ({wsgi}), or ({django}) under Django"),
        Kind::Ignored => "anything".to_owned(),
    }
}

/// Words for `True` and `False`, in any case.
const TRUE_WORDS: [&str; 3] = ["true", "yes", "on"];
const FALSE_WORDS: [&str; 3] = ["false", "no", "off"];

fn parse_flag(text: &str) -> Option<bool> {
    match &*text.trim().to_ascii_lowercase() {
        "1" => Some(true),
        "0" => Some(false),
        word if TRUE_WORDS.contains(&word) => Some(true),
        word if FALSE_WORDS.contains(&word) => Some(false),
        _ => None,
    }
}

fn split_names(text: &str) -> Vec<String> {
    text.split(',').map(str::trim).filter(|name| !name.is_empty()).map(str::to_owned).collect()
}
