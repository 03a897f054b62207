//! Options: from what an application wrote to typed, checked settings.
//!
//! In: key-value pairs in the shape the host language gives them ([`Value`]), and the environment's. Out:
//! [`Settings`], or the first [`SettingsError`], which names the option, the value and what was expected. Nothing is
//! read from anywhere else. What is odd but usable (an unknown key) comes back as a warning.

mod parse;
mod reference;
mod table;

use std::fmt;

pub use reference::{options_page, options_stub};
pub use table::{Fallback, HOSTED_BASE_URI, Kind, OPTIONS, OptionSpec, Package, Status};

use moesif_wire::Direction;

use crate::call::Policy;
use crate::delivery::Delivery;

/// Who is capturing: decides defaults that differ, and is named in the User-Agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Integration {
    /// A WSGI application, in place of moesifwsgi.
    Wsgi,
    /// A Django project, in place of moesifdjango.
    Django,
    /// A program that only calls the collector's API, in place of moesifapi.
    Api,
    /// A program whose outgoing calls are captured, in place of moesifpythonrequest.
    Outgoing,
    /// A Rust program.
    Rust,
}

impl Integration {
    /// `moesif-rs/<version> (<package it replaces>)`.
    fn user_agent(self) -> String {
        let replaced = match self {
            Self::Wsgi => " (moesifwsgi)",
            Self::Django => " (moesifdjango)",
            Self::Api => " (moesifapi)",
            Self::Outgoing => " (moesifpythonrequest)",
            Self::Rust => "",
        };
        format!("moesif-rs/{}{replaced}", env!("CARGO_PKG_VERSION"))
    }
}

/// A value as the host language has it.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Explicitly nothing.
    Unset,
    /// Text.
    Text(String),
    /// A truth value.
    Flag(bool),
    /// A whole number; one that does not fit is [`Value::Other`].
    Integer(i64),
    /// Any other number.
    Float(f64),
    /// A list of text.
    Names(Vec<String>),
    /// Something that can be called; the caller keeps it.
    Callable,
    /// Anything else, as the host language shows it.
    Other(String),
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unset => f.write_str("nothing"),
            Self::Text(text) => write!(f, "'{text}'"),
            Self::Flag(true) => f.write_str("True"),
            Self::Flag(false) => f.write_str("False"),
            Self::Integer(number) => write!(f, "{number}"),
            // As Python shows it: 10.0 is no integer.
            Self::Float(number) => write!(f, "{number:?}"),
            Self::Names(names) => write!(f, "{names:?}"),
            Self::Callable => f.write_str("a function"),
            Self::Other(shown) => f.write_str(shown),
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

/// Checked settings.
#[derive(Clone, Debug)]
pub struct Settings {
    /// How calls are captured.
    pub policy: Policy,
    /// Where and how events are delivered.
    pub delivery: Delivery,
    /// Whether diagnostics are wanted.
    pub debug: bool,
    /// Whether responses say which process answered.
    pub pid_header: bool,
    /// Whether a declared request body is read before the application runs.
    pub read_request_body_first: bool,
    /// Whose name is recorded under Django.
    pub django_user: DjangoUser,
    /// How the calls an application makes are captured.
    pub outgoing: Outgoing,
}

/// How the calls an application makes are captured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outgoing {
    /// Whether they are.
    pub captured: bool,
    /// Whether their bodies are recorded.
    pub log_body: bool,
}

impl Settings {
    /// The same for the calls an application makes. Who authenticates such a call to another service is none of its users, and
    /// nothing is added to it.
    #[must_use]
    pub fn for_outgoing(mut self) -> Self {
        self.policy.direction = Direction::Outgoing;
        self.policy.log_body = self.outgoing.log_body;
        self.policy.transaction_id = false;
        self.policy.authorization_header_names.clear();
        self
    }
}

/// The user of a Django request whose name is recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DjangoUser {
    /// `request.user`, looked up if nobody has done it yet.
    Auto,
    /// One the request already carries.
    Resolved,
}

/// Settings, and what is odd about them.
#[derive(Debug)]
pub struct Parsed {
    /// The settings.
    pub settings: Settings,
    /// Sentences for the log.
    pub warnings: Vec<String>,
}

/// The settings cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SettingsError {
    /// A required option is not there.
    #[error(
        "{name} is missing: set it to your collector application id, which the Moesif portal shows under Installation or \
         API Keys as \"Collector Application ID\" (any text will do for a collector of your own)"
    )]
    Missing {
        /// The option.
        name: &'static str,
    },
    /// An option has a value it cannot take.
    #[error("{name}{source_of} is {value}: expected {expected}")]
    Invalid {
        /// The option.
        name: &'static str,
        /// Where the value comes from, if not from the settings themselves.
        source_of: &'static str,
        /// The value.
        value: String,
        /// What it can take.
        expected: String,
    },
}
