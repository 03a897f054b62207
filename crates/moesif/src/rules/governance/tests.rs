//! From the collector's documents to decisions.

use std::sync::Arc;

use serde_json::{Value, json};

use super::*;
use crate::call::Budget;
use crate::call::{Identifiers, Policy};

/// A call of nobody, recorded as far as rules need it.
fn call() -> Exchange {
    let policy = Policy { log_body: false, response_max_body_size: 0, ..Policy::default() };
    let budget = Arc::new(Budget::default());
    budget.allow(1 << 20);
    let mut exchange = *Exchange::begin(None, Arc::new(policy), Identifiers::seeded().next(), &budget, 1);
    exchange.set_verb("POST");
    exchange.set_uri("https://api.example.com/v1/items?page=2");
    exchange.set_peer_address("192.0.2.1");
    exchange.add_request_header("X-Plan", "free");
    exchange
}

fn body(mut exchange: Exchange, content_type: &str, body: &[u8]) -> Exchange {
    exchange.add_request_header("Content-Type", content_type);
    exchange.record_request_body(0, body);
    exchange
}

fn user(id: &str) -> Exchange {
    let mut exchange = call();
    exchange.set_user_id(id.to_owned());
    exchange
}

fn company(id: &str) -> Exchange {
    let mut exchange = call();
    exchange.set_company_id(id.to_owned());
    exchange
}

fn governance(rules: &Value, config: &Value) -> (Governance, Vec<String>) {
    let (rules, _) = Rule::parse_list(rules.to_string().as_bytes()).unwrap();
    let (config, _) = Config::parse(config.to_string().as_bytes()).unwrap();
    Governance::new(&rules, &config)
}

fn decide(rules: &Value, config: &Value, call: &Exchange) -> Decision {
    governance(rules, config).0.decide(call)
}

/// Which rule blocks, and the headers.
fn outcome(decision: Decision) -> (Option<String>, Vec<(String, String)>) {
    match decision {
        Decision::Pass(headers) => (None, headers),
        Decision::Block(block) => (Some(block.rule), block.headers),
    }
}

fn blocked_by(rules: &Value, config: &Value, call: &Exchange) -> Option<String> {
    outcome(decide(rules, config, call)).0
}

fn block(decision: Decision) -> Block {
    match decision {
        Decision::Block(block) => block,
        Decision::Pass(headers) => panic!("not blocked: {headers:?}"),
    }
}

/// A blocking rule.
fn rule(id: &str, kind: &str, mut more: Value) -> Value {
    let mut rule = json!({"_id": id, "type": kind, "block": true, "response": {"body": id}});
    rule.as_object_mut().unwrap().append(more.as_object_mut().unwrap());
    rule
}

/// A blocking rule about calls whose field matches a pattern.
fn on(path: &str, pattern: impl Into<Value>) -> Value {
    rule("r", "regex", json!({"regex_config": [conditions(&[(path, pattern.into())])]}))
}

fn conditions(conditions: &[(&str, Value)]) -> Value {
    let conditions = conditions.iter().map(|(path, value)| json!({"path": path, "value": value}));
    json!({"conditions": conditions.collect::<Value>()})
}

#[test]
fn without_rules_every_call_passes_and_nothing_is_needed() {
    let (none, complaints) = governance(&json!([]), &json!({"user_rules": {"u": [{"rules": "r"}]}}));
    assert!(none.is_empty() && Governance::default().is_empty() && complaints.is_empty());
    assert!(!none.needs_user_id() && !none.needs_company_id() && !none.needs_request_body());
    assert_eq!(none.decide(&user("u")), Decision::Pass(Vec::new()));
}

#[test]
fn what_is_needed_is_what_usable_rules_ask_for() {
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
fn users_come_before_companies_before_calls_and_the_last_of_a_kind_counts() {
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
    // In the order of the entries, not of the rules.
    assert_eq!(blocked_by(&rules, &config, &company("c")).as_deref(), Some("c1"));
    assert_eq!(blocked_by(&rules, &config, &call()).as_deref(), Some("r2"));
}

#[test]
fn cohorts_decide_whom_a_rule_is_for() {
    let cases = [
        // applied_to, applied_to_unidentified; member, other, nobody
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
            // Nobody is also who has an empty id.
            assert_eq!(blocked_by(&rules, &config, &identified("")).is_some(), expected[2]);
        }
    }
}

#[test]
fn rules_for_those_outside_of_a_cohort_come_after_those_for_its_members() {
    let rules = json!([
        rule("outside", "user", json!({"applied_to": "not_matching"})),
        rule("inside", "user", json!({})),
    ]);
    let config = json!({"user_rules": {"u": [{"rules": "inside"}]}});
    assert_eq!(blocked_by(&rules, &config, &user("u")).as_deref(), Some("outside"));
}

#[test]
fn a_user_is_found_in_a_token() {
    let rules = json!([rule("r", "user", json!({}))]);
    let config = json!({"user_rules": {"ann": [{"rules": "r"}]}});
    let mut exchange = call();
    exchange.add_request_header("Authorization", "Basic YW5uOnNlY3JldA==");
    assert!(blocked_by(&rules, &config, &exchange).is_some());
}

#[test]
fn one_alternative_is_enough_and_in_it_every_condition_counts() {
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
    // No conditions are no restriction.
    assert!(case(json!([])) && case(json!(null)) && case(json!([{"conditions": []}])) && case(json!([{}])));
}

#[test]
fn every_field_of_a_request_can_be_looked_at() {
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
fn a_graphql_body_is_a_query() {
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
fn a_compressed_body_is_looked_into_and_a_part_of_one_is_not() {
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
fn what_cannot_be_used_is_reported_and_applies_to_nothing() {
    let rules = json!([
        rule("bad", "regex", json!({"regex_config": [conditions(&[("request.verb", "(".into())])]})),
        rule("later", "user", json!({"regex_config": [conditions(&[("response.status", "200".into())])]})),
        {"_id": "headers", "type": "regex", "response": {"headers": {
            "Transfer-Encoding": "chunked", "CONTENT-LENGTH": "5", "Status": "200", "": "x", "a b": "x", "é": "x",
            "X-Split": "a\r\nSet-Cookie: b=1", "X-Good": " yes "
        }}},
    ]);
    let (rules, complaints) = governance(&rules, &json!({"user_rules": {"u": [{"rules": "later"}]}}));
    assert_eq!(rules.decide(&user("u")), Decision::Pass(vec![("X-Good".into(), "yes".into())]));
    assert_eq!(complaints.len(), 9, "{complaints:#?}");
    assert!(complaints[0].starts_with("rule headers: ") || complaints[0].starts_with("rule bad: "));
    assert!(complaints.iter().any(|complaint| complaint.contains("response.status")));
}

#[test]
fn headers_of_all_rules_are_merged_and_the_later_one_counts() {
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
    // A rule that does not block adds headers, and leaves the answer to one that does.
    assert_eq!((&*block.rule, block.status, &*block.body), ("calls", 402, r#"{"by":"calls"}"#));
    let headers: Vec<String> = block.headers.iter().map(|(name, value)| format!("{name}: {value}")).collect();
    assert_eq!(
        headers,
        ["X-R: 1", "X-U: 1", "x-a: user", "Content-Type: application/json", "Content-Length: 14"]
    );
}

#[test]
fn an_answer_is_whole_whatever_the_rule_leaves_out() {
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
fn values_are_those_of_the_caller_and_of_nobody_else() {
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
fn a_value_cannot_end_its_header() {
    let rules = json!([{"_id": "r", "type": "user", "variables": [{"name": "0"}],
        "response": {"headers": {"X-Value": "a{{0}}", "X-Other": "1"}}}]);
    for value in ["\r\nSet-Cookie: x=1", "\n", "\u{0}", "\u{7f}", "\t", "b\rb"] {
        let config = json!({"user_rules": {"u": [{"rules": "r", "values": {"0": format!("{value}b")}}]}});
        let headers = outcome(decide(&rules, &config, &user("u"))).1;
        assert_eq!(headers, [("X-Other".to_owned(), "1".to_owned())], "{value:?}");
    }
}

/// What one upstream SDK or another makes of these documents: an error, a rule too few, a rule too many.
mod where_others_fail {
    use super::*;

    #[test]
    fn a_rule_without_applied_to_is_for_its_cohort() {
        let rules = json!([{"_id": "r", "type": "user", "block": true, "response": {"status": 402}}]);
        let config = json!({"user_rules": {"u": [{"rules": "r"}]}});
        assert_eq!(block(decide(&rules, &config, &user("u"))).status, 402);
        assert_eq!(blocked_by(&rules, &config, &user("v")), None);
    }

    #[test]
    fn an_entry_for_a_rule_that_is_not_there_costs_itself_only() {
        let rules = json!([rule("r", "user", json!({})), rule("c", "company", json!({}))]);
        let entries = json!([{"rules": "gone"}, {"rules": "c"}, {"rules": "r"}]);
        assert!(blocked_by(&rules, &json!({"user_rules": {"u": entries}}), &user("u")).is_some());
    }

    #[test]
    fn an_entry_that_does_not_apply_leaves_those_after_it() {
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
    fn a_rule_that_cannot_be_used_leaves_those_after_it() {
        let rules = json!([on("request.body.n", "("), {"_id": 7}, "x", null, rule("ok", "regex", json!({}))]);
        assert_eq!(blocked_by(&rules, &json!({}), &call()).as_deref(), Some("ok"));
    }

    #[test]
    fn numbers_are_texts() {
        let rules = json!([on("request.body.n", 1)]);
        let exchange = body(call(), "application/json", br#"{"n": 1}"#);
        assert!(blocked_by(&rules, &json!({}), &exchange).is_some());
        let rules = json!([rule("7", "user", json!({}))]);
        assert!(blocked_by(&rules, &json!({"user_rules": {"42": [{"rules": 7}]}}), &user("42")).is_some());
    }

    #[test]
    fn configurations_without_cohorts_are_configurations() {
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
    fn text_with_other_braces_is_text() {
        let body = json!({"error": "use {limit} or {{other}}", "list": ["{}", "{0}"]});
        let rules = json!([{"_id": "r", "type": "regex", "block": true, "variables": [{"name": "0"}],
            "response": {"body": body}}]);
        assert_eq!(block(decide(&rules, &json!({}), &call())).body, body.to_string());
    }

    #[test]
    fn patterns_are_searched_for_and_know_case() {
        assert!(blocked_by(&json!([on("request.route", "item")]), &json!({}), &call()).is_some());
        assert!(blocked_by(&json!([on("request.route", "ITEM")]), &json!({}), &call()).is_none());
    }

    #[test]
    fn names_of_headers_that_differ_in_case_are_one() {
        let with =
            |id: &str, name: &str| json!({"_id": id, "type": "regex", "response": {"headers": {name: id}}});
        let rules = json!([with("1", "X-Name"), with("2", "x-name")]);
        assert_eq!(decide(&rules, &json!({}), &call()), Decision::Pass(vec![("x-name".into(), "2".into())]));
    }
}

/// Valid documents with parts replaced at random.
mod malformed {
    use super::*;

    struct Draw(u64);

    impl Draw {
        fn below(&mut self, limit: usize) -> usize {
            self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            usize::try_from(self.0 >> 33).unwrap() % limit
        }

        /// Replaces or removes one part of a document.
        fn mutate(&mut self, document: &mut Value) {
            let odd = [
                json!(null),
                json!(true),
                json!(-1),
                json!(1e300),
                json!(""),
                json!("{{0}}{{"),
                json!("(?<=a)(\\1"),
                json!("a\r\nX: y\u{0}é"),
                json!([]),
                json!([[{}]]),
                json!({}),
                json!({"_id": {"a": []}}),
            ];
            let stop = self.below(4) == 0;
            match document {
                Value::Array(items) if !items.is_empty() && !stop => {
                    let index = self.below(items.len());
                    self.mutate(&mut items[index]);
                }
                Value::Object(members) if !members.is_empty() && !stop => {
                    let key = members.keys().nth(self.below(members.len())).unwrap().clone();
                    if self.below(8) == 0 {
                        members.remove(&key);
                    } else {
                        self.mutate(&mut members[&key]);
                    }
                }
                part => *part = odd[self.below(odd.len())].clone(),
            }
        }
    }

    #[test]
    fn documents_make_no_answer_that_a_server_could_refuse() {
        let rules = json!([
            {"_id": "r1", "type": "regex", "block": true, "applied_to": "matching", "variables": [{"name": "0"}],
                "regex_config": [conditions(&[("request.body.a", "1".into()), ("request.verb", "POST".into())])],
                "response": {"status": 402, "headers": {"X-A": "{{0}}", "Set-Cookie": "a"}, "body": {"a": "{{0|b}}"}}},
            {"_id": "r2", "type": "user", "block": true, "applied_to_unidentified": true, "variables": [{"name": "0"}],
                "response": {"status": 403, "headers": {"X-B": "b"}, "body": ["{{0}}"]}},
            {"_id": "r3", "type": "company", "block": false, "applied_to": "not_matching",
                "response": {"headers": {"X-C": "c"}}},
        ]);
        let config = json!({"user_rules": {"u": [{"rules": "r2", "values": {"0": "x"}}]},
            "company_rules": {"c": [{"rules": "r3"}]}, "regex_config": [], "sample_rate": 50});
        let calls = [call(), user("u"), company("c"), body(user("v"), "application/json", br#"{"a": 1}"#)];
        let mut draw = Draw(11);
        let (mut passed, mut blocked) = (0, 0);
        for _ in 0..5_000 {
            let (mut rules, mut config) = (rules.clone(), config.clone());
            for _ in 0..=draw.below(4) {
                let document = if draw.below(3) == 0 { &mut config } else { &mut rules };
                draw.mutate(document);
            }
            let Some((list, _)) = Rule::parse_list(rules.to_string().as_bytes()) else { continue };
            let Some((config, _)) = Config::parse(config.to_string().as_bytes()) else { continue };
            let (governance, _) = Governance::new(&list, &config);
            for call in &calls {
                let headers = match governance.decide(call) {
                    Decision::Pass(headers) => {
                        passed += 1;
                        headers
                    }
                    Decision::Block(block) => {
                        blocked += 1;
                        assert!((200..600).contains(&block.status), "{rules}");
                        serde_json::from_str::<Value>(&block.body).unwrap();
                        assert!(
                            !block.rule.is_empty() || rules.to_string().contains(r#""_id":"""#),
                            "{rules}"
                        );
                        block.headers
                    }
                };
                for (name, value) in headers {
                    assert!(
                        !name.is_empty() && name.chars().all(|c| c.is_ascii_graphic() && c != ':'),
                        "{rules}"
                    );
                    assert!(!value.chars().any(|c| c.is_ascii_control()), "{rules}");
                }
            }
        }
        assert!(passed > 500 && blocked > 500, "{passed} {blocked}");
    }
}
