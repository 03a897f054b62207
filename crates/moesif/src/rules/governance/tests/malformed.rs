//! Random changes to valid documents.

use serde_json::{Value, json};

use super::*;

/// Random numbers that are the same in every run.
struct Random(u64);

impl Random {
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
fn malformed_documents_never_cause_an_invalid_answer() {
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
    let mut random = Random(11);
    let (mut passed, mut blocked) = (0, 0);
    for _ in 0..5_000 {
        let (mut rules, mut config) = (rules.clone(), config.clone());
        for _ in 0..=random.below(4) {
            let document = if random.below(3) == 0 { &mut config } else { &mut rules };
            random.mutate(document);
        }
        let Some((list, _)) = Rule::parse_list(rules.to_string().as_bytes()) else { continue };
        let Some((config, _)) = Config::parse(config.to_string().as_bytes()) else { continue };
        let governance = Governance::new(&list, &config, &mut Vec::new());
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
                    assert!(!block.rule.is_empty() || rules.to_string().contains(r#""_id":"""#), "{rules}");
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
