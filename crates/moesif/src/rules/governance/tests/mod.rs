//! Decisions about calls, from the documents of a collector.

mod answers;
mod compatibility;
mod conditions;
mod malformed;
mod precedence;

use serde_json::{Value, json};

use super::*;
use crate::call::Policy;
use crate::call::testing::exchange;

/// Returns a POST request without a user or company.
fn call() -> Box<Exchange> {
    let policy = Policy { log_body: false, response_max_body_size: 0, ..Policy::default() };
    let mut exchange = exchange(policy);
    exchange.set_uri("https://api.example.com/v1/items?page=2");
    exchange.set_peer_address("192.0.2.1");
    exchange.add_request_header("X-Plan", "free");
    exchange
}

fn body(mut exchange: Box<Exchange>, content_type: &str, body: &[u8]) -> Box<Exchange> {
    exchange.add_request_header("Content-Type", content_type);
    exchange.record_request_body(0, body);
    exchange
}

fn user(id: &str) -> Box<Exchange> {
    let mut exchange = call();
    exchange.set_user_id(id.to_owned());
    exchange
}

fn company(id: &str) -> Box<Exchange> {
    let mut exchange = call();
    exchange.set_company_id(id.to_owned());
    exchange
}

/// Returns the compiled rules and the problems that were found.
fn governance(rules: &Value, config: &Value) -> (Governance, Vec<String>) {
    let (rules, _) = Rule::parse_list(rules.to_string().as_bytes()).unwrap();
    let (config, _) = Config::parse(config.to_string().as_bytes()).unwrap();
    let mut problems = Vec::new();
    (Governance::new(&rules, &config, &mut problems), problems)
}

fn decide(rules: &Value, config: &Value, call: &Exchange) -> Decision {
    governance(rules, config).0.decide(call)
}

/// Returns the rule that blocks, and the headers.
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

/// Returns a rule that blocks.
fn rule(id: &str, kind: &str, mut more: Value) -> Value {
    let mut rule = json!({"_id": id, "type": kind, "block": true, "response": {"body": id}});
    rule.as_object_mut().unwrap().append(more.as_object_mut().unwrap());
    rule
}

/// Returns a rule that blocks a call if the field contains the pattern.
fn on(path: &str, pattern: impl Into<Value>) -> Value {
    rule("r", "regex", json!({"regex_config": [conditions(&[(path, pattern.into())])]}))
}

fn conditions(conditions: &[(&str, Value)]) -> Value {
    let conditions = conditions.iter().map(|(path, value)| json!({"path": path, "value": value}));
    json!({"conditions": conditions.collect::<Value>()})
}
