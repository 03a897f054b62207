//! Answers of rules: headers, status, body and merge tags.

use serde_json::{Value, json};

use super::*;

#[test]
fn headers_of_all_rules_are_merged_and_the_later_one_wins() {
    let with = |id: &str, kind: &str, block: bool, headers: Value| {
        json!({"_id": id, "type": kind, "block": block,
        "response": {"status": 402, "headers": headers, "body": {"by": id}}})
    };
    let rules = json!([
        with("user", "user", false, json!({"x-a": "user", "X-U": "1"})),
        with("calls", "regex", true, json!({"X-A": "calls", "X-R": "1"})),
    ]);
    let config = json!({"user_rules": {"u": [{"rules": "user"}]}});
    let block = block(decide(&rules, &config, &user("u")));
    // A rule that does not block adds headers. The answer is that of the rule that blocks.
    assert_eq!((&*block.rule, block.status, &*block.body), ("calls", 402, r#"{"by":"calls"}"#));
    let headers: Vec<String> = block.headers.iter().map(|(name, value)| format!("{name}: {value}")).collect();
    assert_eq!(
        headers,
        ["X-R: 1", "X-U: 1", "x-a: user", "Content-Type: application/json", "Content-Length: 14"]
    );
}

#[test]
fn answer_is_complete_even_if_the_rule_leaves_parts_out() {
    let answer = |response: Value, verb: &str| {
        let mut exchange = call();
        exchange.set_verb(verb);
        let rules = json!([{"_id": "r", "type": "regex", "block": true, "response": response}]);
        let block = block(decide(&rules, &json!({}), &exchange));
        let header = |wanted: &str| {
            block
                .headers
                .iter()
                .find(|(name, _)| name.eq_ignore_ascii_case(wanted))
                .map(|(_, value)| value.clone())
        };
        (block.status, block.body.clone(), header("Content-Type"), header("Content-Length"))
    };
    let json_type = || Some("application/json".to_owned());
    let length = |length: &str| Some(length.to_owned());
    for (response, expected) in [
        (json!(null), (429, "null".to_owned(), json_type(), length("4"))),
        (json!({"status": 599, "body": [1]}), (599, "[1]".to_owned(), json_type(), length("3"))),
        (json!({"status": "403", "body": "é"}), (403, "\"é\"".to_owned(), json_type(), length("4"))),
        (json!({"status": 103, "body": {}}), (429, "{}".to_owned(), json_type(), length("2"))),
        (json!({"status": 700, "body": {}}), (429, "{}".to_owned(), json_type(), length("2"))),
        (
            json!({"status": 204, "body": {}, "headers": {"content-type": "a/b"}}),
            (204, String::new(), None, None),
        ),
        (json!({"status": 304, "body": {}}), (304, String::new(), None, None)),
        (json!({"status": 205, "body": {}}), (205, String::new(), json_type(), length("0"))),
        (
            json!({"body": {}, "headers": {"content-type": "application/problem+json", "Content-Length": "99"}}),
            (429, "{}".to_owned(), Some("application/problem+json".to_owned()), length("2")),
        ),
    ] {
        assert_eq!(answer(response.clone(), "GET"), expected, "{response}");
    }
    let head = answer(json!({"body": {"a": 1}}), "HEAD");
    assert_eq!(head, (429, String::new(), json_type(), length("7")));
}

#[test]
fn merge_tags_get_the_values_of_the_caller_only() {
    let rules = json!([{"_id": "r", "type": "user", "block": true, "applied_to_unidentified": true,
        "variables": [{"name": "0"}, {"name": "plan"}],
        "response": {"headers": {"X-Plan": "{{plan|none}}"}, "body": {"plan": ["{{plan}}", {"quota": "{{0}}"}]}}}]);
    let config = json!({"user_rules": {
        "ann": [{"rules": "r", "values": {"plan": "Gold", "0": 1000, "2": "x"}}],
        "bob": [{"rules": "r", "values": {"plan": "Free"}}],
        "eve": [{"rules": "r"}],
    }});
    let (rules, _) = governance(&rules, &config);
    let answer = |call: &Exchange| {
        let block = block(rules.decide(call));
        (block.headers[0].1.clone(), block.body)
    };
    for _ in 0..2 {
        assert_eq!(
            answer(&user("ann")),
            ("Gold".to_owned(), r#"{"plan":["Gold",{"quota":"1000"}]}"#.to_owned())
        );
        assert_eq!(
            answer(&user("bob")),
            ("Free".to_owned(), r#"{"plan":["Free",{"quota":"UNKNOWN"}]}"#.to_owned())
        );
        let unknown = ("none".to_owned(), r#"{"plan":["UNKNOWN",{"quota":"UNKNOWN"}]}"#.to_owned());
        assert_eq!(answer(&user("eve")), unknown);
        assert_eq!(answer(&call()), unknown);
    }
}

#[test]
fn value_cannot_end_its_header() {
    let rules = json!([{"_id": "r", "type": "user", "variables": [{"name": "0"}],
        "response": {"headers": {"X-Value": "a{{0}}", "X-Other": "1"}}}]);
    for value in ["\r\nSet-Cookie: x=1", "\n", "\u{0}", "\u{7f}", "\t", "b\rb"] {
        let config = json!({"user_rules": {"u": [{"rules": "r", "values": {"0": format!("{value}b")}}]}});
        let headers = outcome(decide(&rules, &config, &user("u"))).1;
        assert_eq!(headers, [("X-Other".to_owned(), "1".to_owned())], "{value:?}");
    }
}
