//! Options: turns the settings of an application into typed, checked values.
//!
//! In: the keys and values of the application ([`Value`]), and environment variables. Out: [`Settings`], or
//! the first [`SettingsError`]. A mistake that can be ignored, such as an unknown key, becomes a warning.
//!
//! | Module | Does |
//! |---|---|
//! | `table` | declares every option once: typed key, limits, default, text |
//! | `spec` | the types of the table |
//! | `value` | checks a value against the kind of its option |
//! | `misspelling` | finds the option that an unknown key means |
//! | `options` | holds the options that are set; `options.get(keys::LOG_BODY)` is a `bool` |
//! | `environment` | reads `MOESIF_<OPTION>` |
//! | `configuration` | builds the configuration of capture and delivery |
//! | `parse` | runs these steps in order |
//! | `reference` | writes docs/options.md and the Python type |

mod configuration;
mod environment;
mod lenient;
mod misspelling;
mod options;
mod parse;
mod reference;
mod spec;
mod table;
mod value;

use std::fmt;

pub use reference::{options_page, options_stub};
pub use spec::{Fallback, Function, Group, Key, Kind, OptionSpec, Package, Status};
pub use table::{DEFAULT_BASE_URI, OPTIONS, keys};
pub use value::Value;

use moesif_wire::Direction;

use crate::call::Policy;
use crate::delivery::Delivery;
use crate::diagnostics::counted;

/// Kind of program that captures calls. Determines some defaults and the `User-Agent`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Integration {
    /// A WSGI application; replaces moesifwsgi.
    Wsgi,
    /// A Django project; replaces moesifdjango.
    Django,
    /// A program that only calls the collector's API; replaces moesifapi.
    Api,
    /// A program that captures its outgoing calls; replaces moesifpythonrequest.
    Outgoing,
    /// A Rust program.
    Rust,
}

impl Integration {
    /// Returns `moesif-rs/<version> (<package it replaces>)`.
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

/// Checked settings.
#[derive(Clone, Debug)]
pub struct Settings {
    /// How calls are recorded.
    pub policy: Policy,
    /// Where and how events are delivered.
    pub delivery: Delivery,
    /// Whether anything is masked.
    pub masking: Masking,
    /// Whether debug messages are logged.
    pub debug: bool,
    /// Whether responses get a header with the process id.
    pub pid_header: bool,
    /// Whether a declared request body is read before the application runs.
    pub read_request_body_first: bool,
    /// Which user of a Django request is recorded.
    pub django_user: DjangoUser,
    /// How the outgoing calls of the application are captured.
    pub outgoing: Outgoing,
}

/// Whether anything is masked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Masking {
    /// Nothing is masked.
    Off,
    /// A list of masks or `MASK_EVENT_MODEL` is set.
    On,
}

/// How the outgoing calls of the application are captured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outgoing {
    /// Whether they are captured.
    pub captured: bool,
    /// Whether their bodies are recorded.
    pub log_body: bool,
}

impl Settings {
    /// Returns these settings, changed for the outgoing calls of the application. Their authorization headers
    /// identify the application, so no user id is read from them. No transaction id is added.
    #[must_use]
    pub fn for_outgoing(mut self) -> Self {
        self.policy.direction = Direction::Outgoing;
        self.policy.log_body = self.outgoing.log_body;
        self.policy.transaction_id = false;
        self.policy.authorization_header_names.clear();
        self
    }
}

/// Which user of a Django request is recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DjangoUser {
    /// `request.user`. The middleware looks it up if the application has not.
    Auto,
    /// Only a user that the request already carries.
    Resolved,
}

/// Settings, and warnings about them.
#[derive(Debug)]
pub struct Parsed {
    /// The settings.
    pub settings: Settings,
    /// Messages for the log.
    pub warnings: Vec<String>,
}

/// Where the value of an option comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The settings of the application.
    Settings,
    /// An environment variable.
    Environment,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Settings => "",
            Self::Environment => " (from the environment)",
        })
    }
}

/// The settings cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SettingsError {
    /// A required option is not set.
    #[error(
        "{name} is missing{}: set it to your collector application id. The Moesif portal shows it under Installation or \
         API Keys as \"Collector Application ID\". A collector of your own accepts any text",
        not_options(unknown)
    )]
    Missing {
        /// Name of the option.
        name: &'static str,
        /// Keys in the settings that are not options, quoted.
        unknown: Vec<String>,
    },
    /// A key is not an option, but is similar to one that decides where data goes or what is recorded.
    #[error(
        "{}{key} is not an option: did you mean {}? Correct the name, or remove it. It is not ignored, because such an \
         option decides where data goes or what is recorded",
        if *origin == Origin::Environment { "environment variable " } else { "" },
        misspelling::any_of(names, if *origin == Origin::Environment { misspelling::PREFIX } else { "" }),
    )]
    Misspelt {
        /// The key, quoted, or the name of the variable.
        key: String,
        /// Names of the options that it may mean.
        names: Vec<&'static str>,
        /// Where the key comes from.
        origin: Origin,
    },
    /// An option has a value that it does not accept.
    #[error("{name}{origin} is {value}: expected {expected}")]
    Invalid {
        /// Name of the option.
        name: &'static str,
        /// Where the value comes from.
        origin: Origin,
        /// The value.
        value: String,
        /// What the option accepts.
        expected: String,
    },
}

/// Returns a remark about keys that are not options, for the middle of a message. Names the first three.
fn not_options(keys: &[String]) -> String {
    let named = keys.iter().take(3).map(String::as_str).collect::<Vec<_>>().join(", ");
    match keys.len() {
        0 => String::new(),
        1 => format!(" ({named} is not an option)"),
        2 | 3 => format!(" ({named} are not options)"),
        count => format!(" ({named} and {} are not options)", counted(count - 3, "more key")),
    }
}
