//! Checking values against the table.

use std::time::Duration;

use moesif_wire::Direction;

use super::{
    DjangoUser, Fallback, Integration, Kind, OPTIONS, OptionSpec, Outgoing, Parsed, Settings, SettingsError,
    Status, Value,
};
use crate::call::{BodyMask, Masks, Policy};
use crate::delivery::Delivery;
use crate::http::{Endpoint, InvalidBaseUri, Route, is_route_variable, parse_base_uri};

/// Prefix of environment variables.
const ENVIRONMENT_PREFIX: &str = "MOESIF_";

/// A value of the right kind.
#[derive(Clone, Debug)]
enum Checked {
    Text(String),
    Flag(bool),
    Integer(u64),
    Seconds(f64),
    Names(Vec<String>),
    Callable,
}

/// The options that are set, each checked.
struct Options {
    integration: Integration,
    set: Vec<(&'static OptionSpec, Checked, &'static str)>,
}

impl Settings {
    /// Checks settings. `given` wins over `environment`, which holds the variables that [`Settings::reads`] and may hold
    /// others: `MOESIF_<OPTION>`, the proxies and the certificate authorities. A file of the latter is read here.
    ///
    /// # Errors
    ///
    /// The first [`SettingsError`]: a missing application id, or a value that an option cannot take.
    pub fn parse<'a>(
        integration: Integration,
        given: impl IntoIterator<Item = (&'a str, Value)>,
        environment: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Result<Parsed, SettingsError> {
        let mut options = Options { integration, set: Vec::new() };
        let mut warnings = Vec::new();
        let environment: Vec<_> = environment.into_iter().collect();
        for (key, value) in given {
            match OPTIONS.iter().find(|option| option.name == key) {
                Some(option) => options.set(option, &value, "")?,
                None => warnings.push(unknown_key(key)),
            }
        }
        for (variable, text) in environment.iter().copied() {
            let Some(key) = variable.strip_prefix(ENVIRONMENT_PREFIX) else {
                continue;
            };
            match OPTIONS.iter().find(|option| option.name == key) {
                Some(option) if matches!(option.kind, Kind::Callable { .. }) => warnings.push(format!(
                    "{variable} is ignored: {key} is a function and can only be set in the application"
                )),
                Some(option) if !options.has(option) => {
                    options.set(option, &from_environment(option, text), " (from the environment)")?;
                }
                Some(_) => {}
                // The application may have variables of that prefix for its own use: only a slip of the pen is told.
                None => warnings.extend(nearest(key).map(|name| {
                    format!("environment variable {variable} is not an option: did you mean {ENVIRONMENT_PREFIX}{name}?")
                })),
            }
        }
        for (option, ..) in options.set.iter().filter(|(option, value, _)| is_in_effect(option, value)) {
            match option.status {
                Status::Works => {}
                Status::NotYet => warnings.push(format!("{} has no effect in this version", option.name)),
                Status::NotYetStripsContent => warnings.push(format!(
                    "{} is not applied in this version: so that nothing it protects leaves the process, events are sent \
                     without headers, bodies and query",
                    option.name
                )),
            }
        }
        let base_uri = options.base_uri()?;
        let route = Route::from_environment(&base_uri, &environment, &mut warnings);
        Ok(Parsed { settings: options.settings(base_uri, route)?, warnings })
    }

    /// Whether [`Settings::parse`] has a use for a variable of the environment.
    #[must_use]
    pub fn reads(variable: &str) -> bool {
        variable.starts_with(ENVIRONMENT_PREFIX) || is_route_variable(variable)
    }
}

/// Whether a set option asks for anything beyond the default.
fn is_in_effect(option: &OptionSpec, value: &Checked) -> bool {
    match (value, option.default) {
        (Checked::Flag(flag), Fallback::Flag(default)) => *flag != default,
        (Checked::Text(text), Fallback::Text(default)) => text != default,
        (Checked::Integer(number), Fallback::Integer(default)) => *number != default,
        (Checked::Names(names), _) => !names.is_empty(),
        _ => true,
    }
}

impl Options {
    fn set(
        &mut self,
        option: &'static OptionSpec,
        value: &Value,
        source_of: &'static str,
    ) -> Result<(), SettingsError> {
        // An option set to nothing, or to the empty text, is not set.
        let is_unset = *value == Value::Unset || matches!(value, Value::Text(text) if text.trim().is_empty());
        if is_unset || option.kind == Kind::Ignored {
            return Ok(());
        }
        let checked = check(option.kind, value).ok_or_else(|| SettingsError::Invalid {
            name: option.name,
            source_of,
            value: value.to_string(),
            expected: expected(option.kind),
        })?;
        self.set.push((option, checked, source_of));
        Ok(())
    }

    fn has(&self, option: &OptionSpec) -> bool {
        self.set.iter().any(|(set, ..)| set.name == option.name)
    }

    fn get(&self, name: &str) -> Option<&Checked> {
        self.set.iter().find(|(option, ..)| option.name == name).map(|(_, value, _)| value)
    }

    fn source_of(&self, name: &str) -> &'static str {
        self.set.iter().find(|(option, ..)| option.name == name).map_or("", |(.., source_of)| source_of)
    }

    fn default(name: &str) -> Option<&'static OptionSpec> {
        OPTIONS.iter().find(|option| option.name == name)
    }

    fn text(&self, name: &str) -> Option<String> {
        match (self.get(name), Self::default(name)?.default) {
            (Some(Checked::Text(text)), _) => Some(text.clone()),
            (_, Fallback::Text(text)) => Some(text.to_owned()),
            _ => None,
        }
    }

    fn flag(&self, name: &str) -> bool {
        match (self.get(name), Self::default(name).map(|option| option.default)) {
            (Some(Checked::Flag(flag)), _) => *flag,
            (_, Some(Fallback::Flag(flag))) => flag,
            _ => false,
        }
    }

    fn integer(&self, name: &str) -> u64 {
        match self.get(name) {
            Some(Checked::Integer(number)) => *number,
            _ => Self::default(name)
                .and_then(|option| option.integer_default(self.integration))
                .unwrap_or_default(),
        }
    }

    fn size(&self, name: &str) -> usize {
        usize::try_from(self.integer(name)).unwrap_or(usize::MAX)
    }

    fn seconds(&self, name: &str) -> Duration {
        let seconds = match (self.get(name), Self::default(name).map(|option| option.default)) {
            (Some(Checked::Seconds(seconds)), _) => *seconds,
            (_, Some(Fallback::Seconds(seconds))) => seconds,
            _ => 0.0,
        };
        Duration::try_from_secs_f64(seconds).unwrap_or_default()
    }

    fn names(&self, name: &str) -> Vec<String> {
        match (self.get(name), Self::default(name).map(|option| option.default)) {
            (Some(Checked::Names(names)), _) => names.clone(),
            (_, Some(Fallback::Text(text))) => split_names(text),
            _ => Vec::new(),
        }
    }

    fn settings(&self, base_uri: String, route: Route) -> Result<Settings, SettingsError> {
        Ok(Settings {
            policy: Policy {
                direction: Direction::Incoming,
                log_body: self.flag("LOG_BODY"),
                request_max_body_size: self.size("REQUEST_MAX_BODY_SIZE"),
                response_max_body_size: self.size("RESPONSE_MAX_BODY_SIZE"),
                transaction_id: !self.flag("DISABLED_TRANSACTION_ID") && !self.flag("DISABLE_TRANSACTION_ID"),
                api_version: self.text("API_VERSION"),
                authorization_header_names: self.names("AUTHORIZATION_HEADER_NAME"),
                authorization_user_id_field: self.text("AUTHORIZATION_USER_ID_FIELD").unwrap_or_default(),
                masks: Masks {
                    request_headers: self.names("REQUEST_HEADER_MASKS"),
                    response_headers: self.names("RESPONSE_HEADER_MASKS"),
                    request_body: BodyMask::new(self.names("REQUEST_BODY_MASKS")),
                    response_body: BodyMask::new(self.names("RESPONSE_BODY_MASKS")),
                    query: self.names("REQUEST_QUERY_MASKS"),
                },
                strip_content: self.set.iter().any(|(option, value, _)| {
                    option.status == Status::NotYetStripsContent && is_in_effect(option, value)
                }),
            },
            delivery: Delivery {
                endpoint: Endpoint::new(
                    base_uri,
                    self.application_id()?,
                    self.integration.user_agent(),
                    self.seconds("CONNECT_TIMEOUT"),
                    self.seconds("REQUEST_TIMEOUT"),
                    route,
                ),
                queue_size: self.size("EVENT_QUEUE_SIZE"),
                queue_bytes: self.integer("EVENT_QUEUE_BYTES"),
                batch_size: self.size("BATCH_SIZE"),
                batch_bytes: self.size("BATCH_BYTES"),
                batch_timeout: self.seconds("EVENT_BATCH_TIMEOUT"),
                workers: self.size("EVENT_WORKER_COUNT"),
                flush_timeout: self.seconds("FLUSH_TIMEOUT"),
            },
            debug: self.flag("DEBUG") || self.flag("LOCAL_DEBUG"),
            pid_header: self.flag("DEBUG"),
            read_request_body_first: self.flag("READ_REQUEST_BODY_FIRST"),
            django_user: match self.text("DJANGO_USER").as_deref() {
                Some("resolved") => DjangoUser::Resolved,
                _ => DjangoUser::Auto,
            },
            outgoing: Outgoing {
                captured: self.flag("CAPTURE_OUTGOING_REQUESTS"),
                log_body: self.flag("LOG_BODY_OUTGOING"),
            },
        })
    }

    fn application_id(&self) -> Result<String, SettingsError> {
        const NAME: &str = "APPLICATION_ID";
        let id = self.text(NAME).ok_or(SettingsError::Missing { name: NAME })?;
        let id = id.trim();
        if id.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ') {
            Ok(id.to_owned())
        } else {
            Err(SettingsError::Invalid {
                name: NAME,
                source_of: self.source_of(NAME),
                value: format!("{id:?}"),
                expected: "printable ASCII text, because it travels as a header".to_owned(),
            })
        }
    }

    fn base_uri(&self) -> Result<String, SettingsError> {
        let name = if self.get("BASE_URI").is_some() || self.get("LOCAL_MOESIF_BASEURL").is_none() {
            "BASE_URI"
        } else {
            "LOCAL_MOESIF_BASEURL"
        };
        let text = self.text(name).unwrap_or_default();
        parse_base_uri(&text).map_err(|InvalidBaseUri| SettingsError::Invalid {
            name,
            source_of: self.source_of(name),
            value: format!("'{text}'"),
            expected: InvalidBaseUri.to_string(),
        })
    }
}

/// The value in the kind of the option, or nothing when it is not one.
fn check(kind: Kind, value: &Value) -> Option<Checked> {
    match (kind, value) {
        (Kind::Text | Kind::Path, Value::Text(text)) => Some(Checked::Text(text.clone())),
        (Kind::Flag, Value::Flag(flag)) => Some(Checked::Flag(*flag)),
        (Kind::Flag, Value::Integer(0)) => Some(Checked::Flag(false)),
        (Kind::Flag, Value::Integer(1)) => Some(Checked::Flag(true)),
        (Kind::Flag, Value::Text(text)) => parse_flag(text).map(Checked::Flag),
        (Kind::Integer { min, max, .. }, Value::Integer(number)) => {
            u64::try_from(*number).ok().filter(|number| (min..=max).contains(number)).map(Checked::Integer)
        }
        (Kind::Seconds { min, max }, Value::Float(seconds)) => {
            (min..=max).contains(seconds).then_some(Checked::Seconds(*seconds))
        }
        (Kind::Seconds { .. }, Value::Integer(seconds)) => {
            check(kind, &Value::Float(f64::from(i32::try_from(*seconds).ok()?)))
        }
        (Kind::Names, Value::Names(names)) => {
            let names = names.iter().map(|name| name.trim().to_owned());
            Some(Checked::Names(names.filter(|name| !name.is_empty()).collect()))
        }
        (Kind::Names, Value::Text(text)) => Some(Checked::Names(split_names(text))),
        (Kind::Choice(words), Value::Text(text)) => {
            words.contains(&&**text).then(|| Checked::Text(text.clone()))
        }
        (Kind::Callable { .. }, Value::Callable) => Some(Checked::Callable),
        _ => None,
    }
}

/// What [`check`] would have taken, for the error.
fn expected(kind: Kind) -> String {
    match kind {
        Kind::Text => "text".to_owned(),
        Kind::Path => "the path of a directory".to_owned(),
        Kind::Flag => "True or False".to_owned(),
        Kind::Integer { min, max, unit } => format!("a whole number of {unit} from {min} to {max}"),
        Kind::Seconds { min, max } => format!("a number of seconds from {min} to {max}"),
        Kind::Names => "a list of names, or text with commas".to_owned(),
        Kind::Choice(words) => format!("one of {}", words.join(", ")),
        Kind::Callable { wsgi, django, .. } if wsgi == django => format!("a function ({wsgi})"),
        Kind::Callable { wsgi, django, .. } => format!("a function ({wsgi}), or ({django}) under Django"),
        Kind::Ignored => "anything".to_owned(),
    }
}

/// Environment variables are text: numbers are read as numbers, everything else stays text.
fn from_environment(option: &OptionSpec, text: &str) -> Value {
    let text = text.trim();
    match option.kind {
        Kind::Integer { .. } => text.parse().map_or_else(|_| text.into(), Value::Integer),
        Kind::Seconds { .. } => text.parse().map_or_else(|_| text.into(), Value::Float),
        _ => text.into(),
    }
}

fn parse_flag(text: &str) -> Option<bool> {
    match &*text.trim().to_ascii_lowercase() {
        "1" | "true" | "yes" | "on" => Some(true),
        "0" | "false" | "no" | "off" => Some(false),
        _ => None,
    }
}

fn split_names(text: &str) -> Vec<String> {
    text.split(',').map(str::trim).filter(|name| !name.is_empty()).map(str::to_owned).collect()
}

fn unknown_key(key: &str) -> String {
    match nearest(key) {
        Some(name) => format!("{key:?} is not an option and is ignored: did you mean {name}?"),
        None => format!("{key:?} is not an option and is ignored"),
    }
}

/// The option that a key is probably meant to be.
fn nearest(key: &str) -> Option<&'static str> {
    OPTIONS
        .iter()
        .map(|option| (distance(&key.to_ascii_uppercase(), option.name), option.name))
        .min()
        .filter(|(distance, name)| *distance <= name.len() / 3)
        .map(|(_, name)| name)
}

/// How many letters must be inserted, removed or replaced to turn one text into the other.
fn distance(from: &str, to: &str) -> usize {
    let mut row: Vec<usize> = (0..=to.chars().count()).collect();
    for (i, a) in from.chars().enumerate() {
        let mut diagonal = i;
        let mut left = i + 1;
        for (cell, b) in row.iter_mut().skip(1).zip(to.chars()) {
            let replaced = diagonal + usize::from(a != b);
            diagonal = *cell;
            *cell = replaced.min(*cell + 1).min(left + 1);
            left = *cell;
        }
        if let Some(first) = row.first_mut() {
            *first = i + 1;
        }
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: (&str, Value) = ("APPLICATION_ID", Value::Unset);

    fn parse(
        given: &[(&'static str, Value)],
        environment: &[(&'static str, &'static str)],
    ) -> Result<Parsed, String> {
        let mut all = vec![("APPLICATION_ID", Value::from("id"))];
        all.extend(given.iter().cloned());
        Settings::parse(Integration::Wsgi, all, environment.iter().copied())
            .map_err(|error| error.to_string())
    }

    fn refused(name: &'static str, value: Value) -> String {
        parse(&[(name, value)], &[]).expect_err("the value should be refused")
    }

    #[test]
    fn the_application_id_is_required_and_the_error_says_where_it_is_found() {
        for id in [Value::Unset, "".into(), "  ".into()] {
            let error = Settings::parse(Integration::Wsgi, [(ID.0, id)], []).expect_err("no id").to_string();
            assert!(error.contains("APPLICATION_ID is missing"), "{error}");
            assert!(error.contains("Collector Application ID"), "{error}");
        }
        for id in [Value::Integer(5), "a\r\nb".into(), "é".into()] {
            let error = Settings::parse(Integration::Wsgi, [(ID.0, id)], []).expect_err("a bad id");
            assert!(error.to_string().starts_with("APPLICATION_ID is "), "{error}");
        }
    }

    #[test]
    fn defaults_are_those_of_the_table() {
        let settings = parse(&[], &[]).unwrap().settings;
        assert!(settings.policy.log_body && settings.policy.transaction_id);
        assert_eq!(settings.policy.authorization_header_names, ["authorization"]);
        assert_eq!(settings.delivery.batch_size, 100);
        assert_eq!(settings.delivery.batch_timeout, Duration::from_secs(1));
        assert_eq!(settings.delivery.endpoint.base_uri(), "https://api.moesif.net");
        let django = Settings::parse(Integration::Django, [("APPLICATION_ID", "id".into())], []).unwrap();
        assert_eq!(django.settings.delivery.batch_size, 25);
    }

    #[test]
    fn a_bad_value_is_refused_with_its_name_the_value_and_what_is_expected() {
        assert_eq!(
            refused("BATCH_SIZE", 0.into()),
            "BATCH_SIZE is 0: expected a whole number of events from 1 to 100000"
        );
        assert_eq!(
            refused("BASE_URI", "localhost:9500".into()),
            "BASE_URI is 'localhost:9500': expected an http:// or https:// URI with a host, and without a query, such as \
             http://127.0.0.1:9500"
        );
        assert_eq!(refused("LOG_BODY", "maybe".into()), "LOG_BODY is 'maybe': expected True or False");
        assert_eq!(
            refused("SKIP", true.into()),
            "SKIP is True: expected a function (app, environ), or (request, response) under Django"
        );
        for (name, value) in [
            ("BATCH_SIZE", Value::from("100")),
            ("BATCH_SIZE", true.into()),
            ("BATCH_SIZE", (-1).into()),
            ("BATCH_SIZE", 1.5.into()),
            ("EVENT_BATCH_TIMEOUT", f64::NAN.into()),
            ("EVENT_BATCH_TIMEOUT", (-0.1).into()),
            ("CONNECT_TIMEOUT", 0.into()),
            ("FLUSH_TIMEOUT", 61.into()),
            ("EVENT_QUEUE_BYTES", 1.into()),
            ("SENSITIVE_DATA", "shred".into()),
            ("LOCAL_MOESIF_BASEURL", "nonsense".into()),
            ("AUTHORIZATION_HEADER_NAME", 1.into()),
            ("API_VERSION", 2.into()),
        ] {
            let error = refused(name, value);
            assert!(error.starts_with(&format!("{name} is ")) && error.contains("expected"), "{error}");
        }
    }

    #[test]
    fn the_environment_fills_what_the_settings_leave_out() {
        let environment = [
            ("MOESIF_BATCH_SIZE", "7"),
            ("MOESIF_LOG_BODY", "off"),
            ("MOESIF_EVENT_BATCH_TIMEOUT", "0.5"),
            ("MOESIF_AUTHORIZATION_HEADER_NAME", "X-Api-Key, Authorization"),
            ("HOME", "/"),
        ];
        let settings = parse(&[("BATCH_SIZE", 9.into())], &environment).unwrap().settings;
        assert_eq!(settings.delivery.batch_size, 9);
        assert!(!settings.policy.log_body);
        assert_eq!(settings.delivery.batch_timeout, Duration::from_millis(500));
        assert_eq!(settings.policy.authorization_header_names, ["X-Api-Key", "Authorization"]);
        let error = parse(&[], &[("MOESIF_BATCH_SIZE", "many")]).unwrap_err();
        assert_eq!(
            error,
            "BATCH_SIZE (from the environment) is 'many': expected a whole number of events from 1 to 100000"
        );
    }

    #[test]
    fn an_unknown_key_is_named_with_its_nearest() {
        let warnings = parse(&[("BATCH_SZIE", 5.into()), ("log_body", true.into()), ("FOO", 1.into())], &[])
            .unwrap()
            .warnings;
        assert_eq!(
            warnings,
            [
                "\"BATCH_SZIE\" is not an option and is ignored: did you mean BATCH_SIZE?",
                "\"log_body\" is not an option and is ignored: did you mean LOG_BODY?",
                "\"FOO\" is not an option and is ignored",
            ]
        );
    }

    #[test]
    fn protection_that_is_not_applied_yet_strips_the_content() {
        let parsed = parse(&[("SENSITIVE_DATA", "hash".into())], &[]).unwrap();
        assert!(parsed.settings.policy.strip_content);
        assert!(parsed.warnings[0].starts_with("SENSITIVE_DATA is not applied"));
        let parsed = parse(
            &[("CAPTURE_OUTGOING_REQUESTS", false.into()), ("REQUEST_BODY_MASKS", Value::Names(Vec::new()))],
            &[],
        )
        .unwrap();
        assert!(!parsed.settings.policy.strip_content && parsed.warnings.is_empty());
    }

    #[test]
    fn equal_delivery_settings_share_and_others_do_not() {
        let same = [parse(&[], &[]), parse(&[("LOG_BODY", false.into())], &[])];
        let [first, second] = same.map(|parsed| parsed.unwrap().settings.delivery);
        assert_eq!(first, second);
        for (name, value) in [("BATCH_SIZE", Value::from(5)), ("BASE_URI", "http://h".into())] {
            assert_ne!(first, parse(&[(name, value)], &[]).unwrap().settings.delivery);
        }
    }

    #[test]
    fn every_option_that_is_read_is_in_the_table() {
        let names: Vec<_> = OPTIONS.iter().map(|option| option.name).collect();
        let source = include_str!("parse.rs");
        for reader in [
            "self.text(\"",
            "self.flag(\"",
            "self.size(\"",
            "self.integer(\"",
            "self.seconds(\"",
            "self.names(\"",
        ] {
            for read in source.split(reader).skip(1).filter_map(|rest| rest.split('"').next()) {
                assert!(names.contains(&read) || read.is_empty() || read == ", ", "{read}");
            }
        }
    }
}
