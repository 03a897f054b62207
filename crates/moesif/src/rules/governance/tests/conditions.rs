//! Conditions of rules.

use serde_json::{Value, json};

use super::*;

#[test]
fn rule_applies_if_all_conditions_of_one_alternative_are_met() {
    let post = ("request.verb", "^POST$".into());
    let get = ("request.verb", "^GET$".into());
    let plan = ("request.headers.x-plan", "free".into());
    let case = |alternatives: Value| {
        let rules = json!([rule("r", "regex", json!({"regex_config": alternatives}))]);
        blocked_by(&rules, &json!({}), &call()).is_some()
    };
    assert!(case(json!([conditions(&[post.clone(), plan.clone()])])));
    assert!(!case(json!([conditions(&[post.clone(), get.clone()])])));
    assert!(case(json!([conditions(std::slice::from_ref(&get)), conditions(&[plan])])));
    // Two conditions on one field are two conditions.
    assert!(!case(json!([conditions(&[get, post])])));
    // Without conditions a rule applies to every call.
    assert!(case(json!([])) && case(json!(null)) && case(json!([{"conditions": []}])) && case(json!([{}])));
}

#[test]
fn conditions_can_use_the_fields_of_a_request() {
    let mut exchange = body(
        call(),
        "application/json",
        br#"{"n": 10, "b": false, "q": "query { x }", "o": {"n": 1}, "z": null, "f": 1.50}"#,
    );
    exchange.add_request_header("X-Forwarded-For", "203.0.113.7");
    for (path, pattern, matches) in [
        ("request.verb", "OS", true),
        ("request.verb", "post", false),
        ("request.ip_address", r"^203\.0\.113\.7$", true),
        ("request.ip", r"^203\.0\.113\.7$", true),
        ("request.route", "^/v1/items$", true),
        ("request.route", r"^https://api\.example\.com/v1/items\?page=2$", true),
        ("request.uri", r"\?page=2$", true),
        ("request.route", r"example\.com", false),
        ("request.uri", "^/v1", false),
        ("request.headers.x-PLAN", "^free$", true),
        ("request.headers.X-Other", "", false),
        ("request.body.n", "^10$", true),
        ("request.body.b", "^false$", true),
        ("request.body.q", "x", true),
        ("request.body.f", r"^1\.50$", true),
        ("request.body.z", "", false),
        ("request.body.o", "", false),
        ("request.body.o.n", "", false),
        ("request.body.missing", "", false),
        ("response.status", "", false),
        ("request.time", "", false),
        ("", "", false),
        ("request.verb", "", true),
        ("request.verb", "(", false),
    ] {
        let found = blocked_by(&json!([on(path, pattern)]), &json!({}), &exchange).is_some();
        assert_eq!(found, matches, "{path} {pattern}");
    }
}

#[test]
fn graphql_body_counts_as_its_query() {
    let rules = json!([on("request.body.query", "secretField")]);
    let blocked = |content_type, content: &[u8]| {
        blocked_by(&rules, &json!({}), &body(call(), content_type, content)).is_some()
    };
    assert!(blocked("application/graphql; charset=utf-8", b"{ secretField }"));
    assert!(blocked("application/json", br#"{"query": "{ secretField }"}"#));
    assert!(!blocked("text/plain", b"{ secretField }"));
    assert!(!blocked("application/json", br#"{"variables": "secretField"}"#));
}

#[test]
fn compressed_body_is_read_but_a_partly_recorded_one_is_not() {
    use std::io::Write;
    let rules = json!([on("request.body.a", "1")]);
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(br#"{"a": 1}"#).unwrap();
    let mut exchange = body(call(), "application/json", &encoder.finish().unwrap());
    exchange.add_request_header("Content-Encoding", "gzip");
    assert!(blocked_by(&rules, &json!({}), &exchange).is_some());

    let mut partly = body(call(), "application/json", br#"{"a": 1}"#);
    partly.set_declared_length(9);
    assert!(blocked_by(&rules, &json!({}), &partly).is_none());
}

#[test]
fn unusable_parts_are_reported_and_apply_to_no_call() {
    let rules = json!([
        rule("bad", "regex", json!({"regex_config": [conditions(&[("request.verb", "(".into())])]})),
        rule("later", "user", json!({"regex_config": [conditions(&[("response.status", "200".into())])]})),
        {"_id": "headers", "type": "regex", "response": {"headers": {
            "Transfer-Encoding": "chunked", "CONTENT-LENGTH": "5", "Status": "200", "": "x", "a b": "x", "é": "x",
            "X-Split": "a\r\nSet-Cookie: b=1", "X-Good": " yes "
        }}},
    ]);
    let (rules, problems) = governance(&rules, &json!({"user_rules": {"u": [{"rules": "later"}]}}));
    assert_eq!(rules.decide(&user("u")), Decision::Pass(vec![("X-Good".into(), "yes".into())]));
    assert_eq!(problems.len(), 9, "{problems:#?}");
    assert!(problems[0].starts_with("rule headers: ") || problems[0].starts_with("rule bad: "));
    assert!(problems.iter().any(|problem| problem.contains("response.status")));
}
