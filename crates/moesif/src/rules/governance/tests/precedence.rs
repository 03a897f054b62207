//! Which rules apply to a call, and which of them wins.

use serde_json::{Value, json};

use super::*;

#[test]
fn without_rules_every_call_passes_and_no_id_is_needed() {
    let (none, problems) = governance(&json!([]), &json!({"user_rules": {"u": [{"rules": "r"}]}}));
    assert!(none.is_empty() && Governance::default().is_empty() && problems.is_empty());
    assert!(!none.needs_user_id() && !none.needs_company_id() && !none.needs_request_body());
    assert_eq!(none.decide(&user("u")), Decision::Pass(Vec::new()));
}

#[test]
fn only_usable_rules_need_ids_or_the_body() {
    let needs = |rules: Value| {
        let rules = governance(&rules, &json!({})).0;
        (rules.needs_user_id(), rules.needs_company_id(), rules.needs_request_body())
    };
    assert_eq!(needs(json!([rule("r", "user", json!({}))])), (true, false, false));
    assert_eq!(needs(json!([rule("r", "company", json!({}))])), (false, true, false));
    assert_eq!(needs(json!([on("request.body.query", "x")])), (false, false, true));
    assert_eq!(needs(json!([on("request.body.query", "(")])), (false, false, false));
    let unusable = conditions(&[("request.body.query", "x".into()), ("response.status", "200".into())]);
    assert_eq!(
        needs(json!([rule("r", "regex", json!({"regex_config": [unusable]}))])),
        (false, false, false)
    );
}

#[test]
fn rules_about_users_win_over_companies_over_calls_and_the_last_of_a_kind_wins() {
    let rules = json!([
        rule("u1", "user", json!({})),
        rule("c1", "company", json!({})),
        rule("c2", "company", json!({})),
        rule("r1", "regex", json!({})),
        rule("r2", "regex", json!({})),
    ]);
    let config = json!({
        "user_rules": {"u": [{"rules": "u1"}]},
        "company_rules": {"c": [{"rules": "c2"}, {"rules": "c1"}]},
    });
    let mut both = user("u");
    both.set_company_id("c".to_owned());
    assert_eq!(blocked_by(&rules, &config, &both).as_deref(), Some("u1"));
    // The order is that of the entries, not of the rules.
    assert_eq!(blocked_by(&rules, &config, &company("c")).as_deref(), Some("c1"));
    assert_eq!(blocked_by(&rules, &config, &call()).as_deref(), Some("r2"));
}

#[test]
fn cohorts_decide_whether_a_rule_applies() {
    let cases = [
        // applied_to, applied_to_unidentified; applies to member, other, no id
        ("matching", false, [true, false, false]),
        ("matching", true, [true, false, true]),
        ("not_matching", false, [false, true, false]),
        ("not_matching", true, [false, true, true]),
    ];
    for (applied_to, unidentified, expected) in cases {
        for (kind, field) in [("user", "user_rules"), ("company", "company_rules")] {
            let identified = |id| if kind == "user" { user(id) } else { company(id) };
            let more = json!({"applied_to": applied_to, "applied_to_unidentified": unidentified});
            let rules = json!([rule("r", kind, more)]);
            let config = json!({field: {"member": [{"rules": "r"}]}});
            let found = [identified("member"), identified("other"), call()]
                .map(|call| blocked_by(&rules, &config, &call).is_some());
            assert_eq!(found, expected, "{kind} {applied_to} {unidentified}");
            // An empty id counts as none.
            assert_eq!(blocked_by(&rules, &config, &identified("")).is_some(), expected[2]);
        }
    }
}

#[test]
fn not_matching_rules_come_after_matching_rules() {
    let rules = json!([
        rule("outside", "user", json!({"applied_to": "not_matching"})),
        rule("inside", "user", json!({})),
    ]);
    let config = json!({"user_rules": {"u": [{"rules": "inside"}]}});
    assert_eq!(blocked_by(&rules, &config, &user("u")).as_deref(), Some("outside"));
}

#[test]
fn user_is_found_in_the_authorization_header() {
    let rules = json!([rule("r", "user", json!({}))]);
    let config = json!({"user_rules": {"ann": [{"rules": "r"}]}});
    let mut exchange = call();
    exchange.add_request_header("Authorization", "Basic YW5uOnNlY3JldA==");
    assert!(blocked_by(&rules, &config, &exchange).is_some());
}

#[test]
fn rules_about_a_user_are_skipped_if_identification_failed() {
    let rules =
        json!([rule("r", "user", json!({"applied_to": "not_matching", "applied_to_unidentified": true}))]);
    let mut exchange = call();
    exchange.add_request_header("Authorization", "Basic YW5uOnNlY3JldA==");
    assert!(blocked_by(&rules, &json!({}), &exchange).is_some());
    exchange.set_user_identification_failed();
    assert_eq!(blocked_by(&rules, &json!({}), &exchange), None);
}

#[test]
fn rules_about_a_company_are_skipped_if_identification_failed() {
    let rules = json!([rule("r", "company", json!({"applied_to_unidentified": true}))]);
    let mut exchange = call();
    assert!(blocked_by(&rules, &json!({}), &exchange).is_some());
    exchange.set_company_identification_failed();
    assert_eq!(blocked_by(&rules, &json!({}), &exchange), None);
}
