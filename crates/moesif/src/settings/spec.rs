//! Types of the option table: name, type, limits, default, group and meaning of an option.

use std::marker::PhantomData;

use super::Integration;

/// One option.
#[derive(Clone, Copy, Debug)]
pub struct OptionSpec {
    /// Key in the settings. The environment variable is `MOESIF_` followed by it.
    pub name: &'static str,
    /// Section of the reference page.
    pub group: Group,
    /// Values that it accepts.
    pub kind: Kind,
    /// What a whole number of 0 or less means, if the limits exclude it and the replaced packages accept it.
    pub zero_or_less: Option<ZeroOrLess>,
    /// Value when it is not set.
    pub default: Fallback,
    /// Replaced packages that have this option; empty for options of this project.
    pub packages: &'static [Package],
    /// Whether setting it has an effect in this version.
    pub status: Status,
    /// Whether a misspelt name is an error. True for options that decide where data goes or what is recorded.
    pub refuses_misspelling: bool,
    /// The option of which this is an older name.
    pub older_name_of: Option<&'static str>,
    /// What it does, in Markdown.
    pub meaning: &'static str,
}

/// Section of the reference page. The page prints them in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Group {
    /// The options that most people need.
    Essentials,
    /// The user, the company and the session of a call.
    Identity,
    /// Protection of recorded data.
    Privacy,
    /// How events reach the collector.
    Delivery,
    /// How much is recorded and kept in memory.
    Limits,
    /// Django only.
    Django,
    /// Calls that the application makes.
    Outgoing,
    /// Options that fit in no other group.
    Other,
    /// Accepted for old configurations.
    Compatibility,
}

impl Group {
    /// All groups, in the order of the reference page.
    pub const ALL: [Self; 9] = [
        Self::Essentials,
        Self::Identity,
        Self::Privacy,
        Self::Delivery,
        Self::Limits,
        Self::Django,
        Self::Outgoing,
        Self::Other,
        Self::Compatibility,
    ];
}

/// Values that an option accepts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Kind {
    /// Text.
    Text,
    /// Path of a directory.
    Path,
    /// True or false.
    Flag,
    /// Whole number from `min` to `max`.
    Integer {
        /// Smallest value.
        min: u64,
        /// Largest value.
        max: u64,
        /// What is counted.
        unit: &'static str,
    },
    /// Number of seconds from `min` to `max`, whole or not.
    Seconds {
        /// Smallest value.
        min: f64,
        /// Largest value.
        max: f64,
    },
    /// List of names, or text with commas.
    Names,
    /// One of these words.
    Choice(&'static [&'static str]),
    /// Function of the application.
    Callable {
        /// Its parameters under WSGI.
        wsgi: &'static str,
        /// Its parameters under Django.
        django: &'static str,
        /// What it returns.
        returns: &'static str,
    },
    /// Any value. It is accepted for old configurations and ignored.
    Ignored,
}

/// What a whole number of 0 or less means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ZeroOrLess {
    /// Value that is used instead.
    pub value: u64,
    /// Why, for the warning.
    pub reason: &'static str,
}

/// Value of an option that is not set.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Fallback {
    /// No default: the option must be set.
    Required,
    /// No value.
    Unset,
    /// This text.
    Text(&'static str),
    /// This truth value.
    Flag(bool),
    /// This number.
    Integer(u64),
    /// A number that depends on the integration.
    IntegerPer {
        /// WSGI and everything else.
        wsgi: u64,
        /// Django.
        django: u64,
    },
    /// This many seconds.
    Seconds(f64),
}

/// A package that this project replaces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Package {
    /// moesifwsgi.
    Wsgi,
    /// moesifdjango.
    Django,
    /// moesifpythonrequest.
    Outgoing,
}

/// Whether an option has an effect in this version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// It does what its meaning says.
    Works,
    /// Its value is checked and logged as a warning; it has no effect yet.
    NotYet,
    /// Like [`Status::NotYet`], but the option protects data. So setting it removes headers, bodies, query, session
    /// token and metadata from every event.
    NotYetStripsContent,
}

/// Option whose value is a `T`: `options.get(keys::LOG_BODY)` returns a `bool`.
#[derive(Debug)]
pub struct Key<T> {
    pub(super) spec: OptionSpec,
    value: PhantomData<fn() -> T>,
}

/// Value of an option that takes a function. The caller keeps the function itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Function;

impl<T> Key<T> {
    /// Returns the key in the settings.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        self.spec.name
    }

    const fn new(kind: Kind, default: Fallback) -> Self {
        let spec = OptionSpec {
            name: "",
            group: Group::Other,
            kind,
            zero_or_less: None,
            default,
            packages: &[],
            status: Status::Works,
            refuses_misspelling: false,
            older_name_of: None,
            meaning: "",
        };
        Self { spec, value: PhantomData }
    }

    pub(super) const fn named(mut self, name: &'static str, group: Group, meaning: &'static str) -> Self {
        self.spec.name = name;
        self.spec.group = group;
        self.spec.meaning = meaning.trim_ascii();
        self
    }

    pub(super) const fn of(mut self, packages: &'static [Package]) -> Self {
        self.spec.packages = packages;
        self
    }

    pub(super) const fn zero_or_less(mut self, value: u64, reason: &'static str) -> Self {
        self.spec.zero_or_less = Some(ZeroOrLess { value, reason });
        self
    }

    pub(super) const fn status(mut self, status: Status) -> Self {
        self.spec.status = status;
        self
    }

    pub(super) const fn refuse_misspelling(mut self) -> Self {
        self.spec.refuses_misspelling = true;
        self
    }

    pub(super) const fn older_name_of(mut self, name: &'static str) -> Self {
        self.spec.older_name_of = Some(name);
        self
    }
}

pub(super) const fn required_text() -> Key<Option<String>> {
    Key::new(Kind::Text, Fallback::Required)
}

pub(super) const fn optional_text() -> Key<Option<String>> {
    Key::new(Kind::Text, Fallback::Unset)
}

pub(super) const fn text(default: &'static str) -> Key<String> {
    Key::new(Kind::Text, Fallback::Text(default))
}

pub(super) const fn path() -> Key<Option<String>> {
    Key::new(Kind::Path, Fallback::Unset)
}

pub(super) const fn flag(default: bool) -> Key<bool> {
    Key::new(Kind::Flag, Fallback::Flag(default))
}

pub(super) const fn integer(min: u64, max: u64, unit: &'static str, default: u64) -> Key<u64> {
    Key::new(Kind::Integer { min, max, unit }, Fallback::Integer(default))
}

pub(super) const fn integer_per(min: u64, max: u64, unit: &'static str, wsgi: u64, django: u64) -> Key<u64> {
    Key::new(Kind::Integer { min, max, unit }, Fallback::IntegerPer { wsgi, django })
}

pub(super) const fn seconds(min: f64, max: f64, default: f64) -> Key<std::time::Duration> {
    Key::new(Kind::Seconds { min, max }, Fallback::Seconds(default))
}

pub(super) const fn names() -> Key<Vec<String>> {
    Key::new(Kind::Names, Fallback::Unset)
}

pub(super) const fn names_or(default: &'static str) -> Key<Vec<String>> {
    Key::new(Kind::Names, Fallback::Text(default))
}

pub(super) const fn choice<T>(words: &'static [&'static str], default: &'static str) -> Key<T> {
    Key::new(Kind::Choice(words), Fallback::Text(default))
}

/// Function that takes other parameters under WSGI than under Django.
pub(super) const fn callback(wsgi: &'static str, returns: &'static str) -> Key<Function> {
    Key::new(Kind::Callable { wsgi, django: "request, response", returns }, Fallback::Unset)
}

/// Function that takes the same parameters everywhere.
pub(super) const fn function(parameters: &'static str, returns: &'static str) -> Key<Function> {
    Key::new(Kind::Callable { wsgi: parameters, django: parameters, returns }, Fallback::Unset)
}

pub(super) const fn ignored() -> Key<()> {
    Key::new(Kind::Ignored, Fallback::Unset)
}

impl OptionSpec {
    /// Returns the default as a number, if it is one.
    pub(super) const fn integer_default(&self, integration: Integration) -> Option<u64> {
        match self.default {
            Fallback::Integer(value) => Some(value),
            Fallback::IntegerPer { wsgi, django } => {
                Some(if matches!(integration, Integration::Django) { django } else { wsgi })
            }
            _ => None,
        }
    }
}
