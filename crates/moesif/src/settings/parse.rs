//! Reads settings from the application and the environment, and checks them.

use super::configuration::configure;
use super::environment;
use super::options::Options;
use super::{Integration, Parsed, Settings, SettingsError, Value};

impl Settings {
    /// Checks settings.
    ///
    /// `given` are the settings of the application. They have precedence over `environment`, from which only
    /// these variables are used ([`Settings::reads`]): `MOESIF_<OPTION>`, proxies and certificate
    /// authorities. If a variable names a file of certificate authorities, reads the file.
    ///
    /// # Errors
    ///
    /// The first [`SettingsError`]: a missing application id, or a value that an option does not accept.
    pub fn parse<'a>(
        integration: Integration,
        given: impl IntoIterator<Item = (&'a str, Value)>,
        environment: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Result<Parsed, SettingsError> {
        let environment: Vec<_> = environment.into_iter().collect();
        let mut warnings = Vec::new();
        let mut options = Options::new(integration);
        options.read_settings(given, &mut warnings)?;
        options.read_environment(&environment, &mut warnings)?;
        options.warn_of_missing_effects(&mut warnings);
        let settings = configure(&options, &environment, &mut warnings)?;
        Ok(Parsed { settings, warnings })
    }

    /// Returns whether [`Settings::parse`] uses an environment variable.
    #[must_use]
    pub fn reads(variable: &str) -> bool {
        environment::is_read(variable)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::settings::DEFAULT_BASE_URI;

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
    fn a_missing_application_id_is_an_error_that_says_where_to_find_it() {
        for id in [Value::Unset, "".into(), "  ".into()] {
            let error = Settings::parse(Integration::Wsgi, [(ID.0, id)], []).expect_err("no id").to_string();
            assert!(error.contains("APPLICATION_ID is missing"), "{error}");
            assert!(error.contains("Collector Application ID"), "{error}");
        }
        for id in [Value::Flag(true), "a\r\nb".into(), "é".into()] {
            let error = Settings::parse(Integration::Wsgi, [(ID.0, id)], []).expect_err("a bad id");
            assert!(error.to_string().starts_with("APPLICATION_ID is "), "{error}");
        }
    }

    #[test]
    fn options_that_are_not_set_have_their_defaults() {
        let settings = parse(&[], &[]).unwrap().settings;
        assert!(settings.policy.log_body && settings.policy.transaction_id);
        assert_eq!(settings.policy.authorization_header_names, ["authorization"]);
        assert_eq!(settings.delivery.batch_size, 100);
        assert_eq!(settings.delivery.batch_timeout, Duration::from_secs(1));
        assert_eq!(settings.delivery.endpoint.base_uri(), DEFAULT_BASE_URI);
        let django = Settings::parse(Integration::Django, [("APPLICATION_ID", "id".into())], []).unwrap();
        assert_eq!(django.settings.delivery.batch_size, 25);
    }

    #[test]
    fn the_error_about_a_bad_value_names_option_value_and_expectation() {
        assert_eq!(
            refused("BATCH_SIZE", 0.into()),
            "BATCH_SIZE is 0: expected a whole number of events from 1 to 100000"
        );
        assert_eq!(
            refused("BASE_URI", "localhost:9500".into()),
            "BASE_URI is 'localhost:9500': expected an http:// or https:// URI with a host, without user, password and query, \
             such as http://127.0.0.1:9500"
        );
        assert_eq!(
            refused("LOG_BODY", "maybe".into()),
            "LOG_BODY is 'maybe': expected True or False, 1 or 0, or one of the words true, yes, on, false, no, off"
        );
        assert_eq!(
            refused("SKIP", true.into()),
            "SKIP is True: expected a function (app, environ), or (request, response) under Django"
        );
        for (name, value) in [
            ("BATCH_SIZE", Value::from("many")),
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
            ("API_VERSION", true.into()),
            ("SPOOL_MAX_BYTES", i64::MAX.into()),
        ] {
            let error = refused(name, value);
            assert!(error.starts_with(&format!("{name} is ")) && error.contains("expected"), "{error}");
        }
    }

    #[test]
    fn values_of_the_replaced_packages_are_used_with_a_warning_if_their_meaning_is_clear() {
        for (name, value, used) in [
            ("BATCH_SIZE", Value::from(10.0), "10"),
            ("BATCH_SIZE", " 10 ".into(), "10"),
            ("BATCH_SIZE", "10.0".into(), "10"),
            ("BATCH_SIZE", 1_000_000.into(), "100000"),
            ("EVENT_WORKER_COUNT", 0.into(), "1"),
            ("EVENT_WORKER_COUNT", 100.0.into(), "64"),
            ("EVENT_QUEUE_SIZE", 0.into(), "4294967295"),
            ("EVENT_QUEUE_SIZE", (-1).into(), "4294967295"),
            ("EVENT_QUEUE_SIZE", "0".into(), "4294967295"),
            ("EVENT_BATCH_TIMEOUT", "0.5".into(), "0.5"),
            ("REQUEST_MAX_BODY_SIZE", 1000.0.into(), "1000"),
            ("LOG_BODY", 0.0.into(), "False"),
            ("API_VERSION", 2.into(), "'2'"),
            ("API_VERSION", 1.5.into(), "'1.5'"),
        ] {
            let warnings = parse(&[(name, value.clone())], &[]).expect("the meaning is clear").warnings;
            let [warning] = &warnings[..] else { panic!("{name} {value}: {warnings:?}") };
            assert!(warning.starts_with(&format!("{name} is {value}: expected ")), "{warning}");
            assert!(warning.contains(&format!(". {used} is used")), "{warning}");
        }
        let parsed = parse(&[("EVENT_QUEUE_SIZE", 0.into()), ("BATCH_SIZE", 10.0.into())], &[]).unwrap();
        assert_eq!(parsed.settings.delivery.queue_size, 0xFFFF_FFFF);
        assert_eq!(parsed.settings.delivery.batch_size, 10);
        let warnings = parse(&[("SKIP", false.into())], &[]).unwrap().warnings;
        assert_eq!(warnings, ["SKIP is False: it is ignored"]);
        let parsed = Settings::parse(Integration::Wsgi, [(ID.0, 5.into())], []).unwrap();
        assert_eq!(parsed.warnings, ["APPLICATION_ID is 5: expected text. '5' is used"]);
        assert_eq!(parsed.settings.delivery.endpoint.application_id(), "5");
    }

    #[test]
    fn settings_win_over_the_environment() {
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
    fn an_unknown_key_is_reported_with_the_nearest_option() {
        let warnings = parse(&[("BATCH_SZIE", 5.into()), ("debug", true.into()), ("FOO", 1.into())], &[])
            .unwrap()
            .warnings;
        assert_eq!(
            warnings,
            [
                "\"BATCH_SZIE\" is not an option and is ignored: did you mean BATCH_SIZE?",
                "\"debug\" is not an option and is ignored: did you mean DEBUG?",
                "\"FOO\" is not an option and is ignored",
            ]
        );
    }

    #[test]
    fn a_misspelt_option_that_protects_data_is_an_error() {
        assert_eq!(
            refused("BASE_URL", "http://h".into()),
            "\"BASE_URL\" is not an option: did you mean BASE_URI? Correct the name, or remove it. It is not ignored, \
             because such an option decides where data goes or what is recorded"
        );
        let misspelt = [("MOESIF_BASE_URL", "http://h")];
        assert_eq!(
            parse(&[], &misspelt).unwrap_err(),
            "environment variable MOESIF_BASE_URL is not an option: did you mean MOESIF_BASE_URI? Correct the name, or \
             remove it. It is not ignored, because such an option decides where data goes or what is recorded"
        );
        // The application may read such a variable itself, and pass its value.
        let warnings = parse(&[("BASE_URI", "http://h".into())], &misspelt).unwrap().warnings;
        assert!(warnings[0].starts_with("environment variable MOESIF_BASE_URL"), "{warnings:?}");
        // An older name counts as the option, and the reverse.
        for given in ["BASE_URI", "LOCAL_MOESIF_BASEURL"] {
            for variable in ["MOESIF_BASE_URL", "MOESIF_LOCAL_MOESIF_BASE_URL"] {
                let warnings =
                    parse(&[(given, "http://h".into())], &[(variable, "http://h")]).unwrap().warnings;
                assert!(warnings[0].starts_with(&format!("environment variable {variable}")), "{warnings:?}");
            }
        }
        // A variable that is blank, or that could not be a function in any case.
        assert!(parse(&[], &[("MOESIF_BASE_URL", " "), ("MOESIF_SKIPP", "1")]).unwrap().warnings.is_empty());
    }

    #[test]
    fn a_variable_that_seems_to_be_a_mask_is_an_error_unless_the_application_may_use_it() {
        let variables = [("MOESIF_REQUEST_MASKS", "password")];
        let error = parse(&[], &variables).unwrap_err();
        let meant = "MOESIF_REQUEST_HEADER_MASKS, MOESIF_REQUEST_BODY_MASKS or MOESIF_REQUEST_QUERY_MASKS?";
        assert!(error.contains(meant), "{error}");
        for given in [("REQUEST_BODY_MASKS", Value::from("a")), ("MASK_EVENT_MODEL", Value::Callable)] {
            let warnings = parse(&[given], &variables).unwrap().warnings;
            assert!(warnings[0].contains(meant), "{warnings:?}");
        }
        let other = parse(&[("RESPONSE_BODY_MASKS", "a".into())], &variables);
        assert!(other.unwrap_err().contains(meant));
        let misspelt = [("MOESIF_REQUEST_BODY_MASK", "password")];
        let error = parse(&[("MASK_EVENT_MODEL", Value::Callable)], &misspelt).unwrap_err();
        assert!(error.contains("did you mean MOESIF_REQUEST_BODY_MASKS?"), "{error}");
    }

    #[test]
    fn the_error_about_a_missing_id_names_the_unknown_keys() {
        for (keys, said) in [
            (&["APP_ID"][..], "(\"APP_ID\" is not an option)"),
            (&["APP_ID", "B"], "(\"APP_ID\", \"B\" are not options)"),
            (&["APP_ID", "B", "C", "D"], "(\"APP_ID\", \"B\", \"C\" and 1 more key are not options)"),
            (&["APP_ID", "B", "C", "D", "E"], "(\"APP_ID\", \"B\", \"C\" and 2 more keys are not options)"),
        ] {
            let given = keys.iter().map(|key| (*key, "x".into()));
            let error = Settings::parse(Integration::Wsgi, given, []).expect_err("no id").to_string();
            assert!(error.starts_with(&format!("APPLICATION_ID is missing {said}: set it to")), "{error}");
        }
    }

    #[test]
    fn the_error_about_a_base_uri_hides_user_password_and_query() {
        for (uri, shown) in [
            ("https://user:se@cret@h:9500/p", "'https://…@h:9500/p'"),
            ("user:secret@h", "'…@h'"),
            ("http://h/p?key=secret", "'http://h/p?…'"),
            ("http://h#secret", "'http://h#…'"),
        ] {
            for name in ["BASE_URI", "LOCAL_MOESIF_BASEURL"] {
                let error = refused(name, uri.into());
                assert!(error.starts_with(&format!("{name} is {shown}: expected")), "{error}");
            }
        }
    }

    #[test]
    fn an_option_that_protects_data_strips_content_while_it_does_not_work() {
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
    fn delivery_settings_are_compared_by_value() {
        let same = [parse(&[], &[]), parse(&[("LOG_BODY", false.into())], &[])];
        let [first, second] = same.map(|parsed| parsed.unwrap().settings.delivery);
        assert_eq!(first, second);
        for (name, value) in [("BATCH_SIZE", Value::from(5)), ("BASE_URI", "http://h".into())] {
            assert_ne!(first, parse(&[(name, value)], &[]).unwrap().settings.delivery);
        }
    }
}
