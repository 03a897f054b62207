//! Documents that at least one official SDK handles wrongly: it raises an error, misses a rule or applies too
//! many rules.

use serde_json::json;

use super::*;

#[test]
fn rule_without_applied_to_applies_to_its_cohort() {
    let rules = json!([{"_id": "r", "type": "user", "block": true, "response": {"status": 402}}]);
    let config = json!({"user_rules": {"u": [{"rules": "r"}]}});
    assert_eq!(block(decide(&rules, &config, &user("u"))).status, 402);
    assert_eq!(blocked_by(&rules, &config, &user("v")), None);
}

#[test]
fn entry_for_an_unknown_rule_is_ignored() {
    let rules = json!([rule("r", "user", json!({})), rule("c", "company", json!({}))]);
    let entries = json!([{"rules": "gone"}, {"rules": "c"}, {"rules": "r"}]);
    assert!(blocked_by(&rules, &json!({"user_rules": {"u": entries}}), &user("u")).is_some());
}

#[test]
fn entry_that_does_not_apply_does_not_hide_later_ones() {
    let no = json!({"regex_config": [conditions(&[("request.verb", "GET".into())])]});
    let rules = json!([
        rule("no", "user", no),
        rule("outside", "user", json!({"applied_to": "not_matching"})),
        rule("r", "user", json!({})),
    ]);
    let entries = json!([{"rules": "no"}, {"rules": "outside"}, {"rules": "r"}]);
    let config = json!({"user_rules": {"u": entries}});
    assert_eq!(blocked_by(&rules, &config, &user("u")).as_deref(), Some("r"));
}

#[test]
fn unusable_rule_does_not_hide_later_ones() {
    let rules = json!([on("request.body.n", "("), {"_id": 7}, "x", null, rule("ok", "regex", json!({}))]);
    assert_eq!(blocked_by(&rules, &json!({}), &call()).as_deref(), Some("ok"));
}

#[test]
fn number_matches_as_text() {
    let rules = json!([on("request.body.n", 1)]);
    let exchange = body(call(), "application/json", br#"{"n": 1}"#);
    assert!(blocked_by(&rules, &json!({}), &exchange).is_some());
    let rules = json!([rule("7", "user", json!({}))]);
    assert!(blocked_by(&rules, &json!({"user_rules": {"42": [{"rules": 7}]}}), &user("42")).is_some());
}

#[test]
fn configuration_may_lack_cohorts() {
    let rules = json!([rule("r", "user", json!({"applied_to": "not_matching"}))]);
    for config in [
        json!({}),
        json!({"user_rules": null}),
        json!({"user_rules": []}),
        json!({"user_rules": {"u": null}}),
    ] {
        assert!(blocked_by(&rules, &config, &user("u")).is_some(), "{config}");
    }
}

#[test]
fn other_braces_are_text() {
    let body = json!({"error": "use {limit} or {{other}}", "list": ["{}", "{0}"]});
    let rules = json!([{"_id": "r", "type": "regex", "block": true, "variables": [{"name": "0"}],
        "response": {"body": body}}]);
    assert_eq!(block(decide(&rules, &json!({}), &call())).body, body.to_string());
}

#[test]
fn pattern_is_searched_for_and_case_sensitive() {
    assert!(blocked_by(&json!([on("request.route", "item")]), &json!({}), &call()).is_some());
    assert!(blocked_by(&json!([on("request.route", "ITEM")]), &json!({}), &call()).is_none());
}

#[test]
fn header_names_that_differ_in_case_are_the_same() {
    let with =
        |id: &str, name: &str| json!({"_id": id, "type": "regex", "response": {"headers": {name: id}}});
    let rules = json!([with("1", "X-Name"), with("2", "x-name")]);
    assert_eq!(decide(&rules, &json!({}), &call()), Decision::Pass(vec![("x-name".into(), "2".into())]));
}
