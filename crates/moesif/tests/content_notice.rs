//! A process that records bodies and credentials without a mask logs that once.

#![expect(clippy::unwrap_used, reason = "a failure in a test fails it")]

use moesif::diagnostics::{Diagnostic, Severity, Topic, drain_diagnostics};
use moesif::settings::Value;
use moesif::{Client, Integration, Settings};

fn settings(option: Option<(&'static str, Value)>) -> Settings {
    let mut given = vec![
        ("APPLICATION_ID", Value::from("id")),
        ("BASE_URI", Value::from("http://127.0.0.1:1/collector")),
    ];
    given.extend(option);
    Settings::parse(Integration::Rust, given, []).unwrap().settings
}

/// Returns the messages about settings that the first call logs.
fn logged(settings: Settings) -> Vec<Diagnostic> {
    drop(Client::new(settings).begin());
    drain_diagnostics().into_iter().filter(|diagnostic| diagnostic.topic == Topic::Settings).collect()
}

/// One test, because the notice is logged once per process.
#[test]
fn recording_without_masks_is_logged_once_with_the_options_that_prevent_it() {
    let names = || Value::Names(vec!["name".to_owned()]);
    for (option, value) in [
        ("LOG_BODY", false.into()),
        ("MASK_EVENT_MODEL", Value::Callable),
        ("REQUEST_HEADER_MASKS", names()),
        ("RESPONSE_HEADER_MASKS", names()),
        ("REQUEST_BODY_MASKS", names()),
        ("RESPONSE_BODY_MASKS", names()),
        ("REQUEST_QUERY_MASKS", names()),
        ("SENSITIVE_DATA", "remove".into()),
    ] {
        assert_eq!(logged(settings(Some((option, value)))), [], "{option}");
    }
    assert_eq!(logged(settings(Some(("LOG_BODY_OUTGOING", false.into()))).for_outgoing()), []);

    let empty = Value::Names(Vec::new());
    let diagnostics = logged(settings(Some(("REQUEST_BODY_MASKS", empty))));
    assert_eq!(diagnostics.len(), 1, "{diagnostics:?}");
    assert_eq!(diagnostics[0].severity, Severity::Info);
    let message = &diagnostics[0].message;
    for part in [
        "bodies",
        "Authorization header",
        "cookies",
        "sent to http://127.0.0.1:1/collector",
        "LOG_BODY to False",
        "REQUEST_HEADER_MASKS",
        "RESPONSE_HEADER_MASKS",
        "REQUEST_BODY_MASKS",
        "RESPONSE_BODY_MASKS",
        "MASK_EVENT_MODEL",
    ] {
        assert!(message.contains(part), "{part} is missing in: {message}");
    }
    assert_eq!(logged(settings(None)), [], "it is logged once");
    assert_eq!(logged(settings(None).for_outgoing()), [], "it is logged once");
}
