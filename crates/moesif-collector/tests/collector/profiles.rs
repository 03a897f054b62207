//! Users, companies and subscriptions: merge and limits.

use serde_json::{Value, json};

use crate::harness::{Collector, Directory};

/// Returns a profile without `modified_time`, which the collector may have filled in.
fn profile(collector: &Collector, path: &str) -> Value {
    let mut profile = collector.read(path);
    assert!(profile.as_object_mut().unwrap().remove("modified_time").is_some(), "{path}");
    profile
}

#[test]
fn profiles_are_merged_and_null_erases_nothing() {
    let directory = Directory::new();
    let collector = Collector::start(&directory);
    collector.keep(
        "/v1/users",
        &json!({"user_id": 17, "company_id": 5, "metadata": {"plan": "free", "address": {"city": "Rome"}, "n": null}}),
    );
    collector.keep(
        "/v1/users/batch",
        &json!([{
            "user_id": "17", "company_id": null, "user_agent_string": null, "campaign": null,
            "metadata": {"plan": "paid", "address": {"zip": "1"}, "email": null}
        }]),
    );
    assert_eq!(
        profile(&collector, "/api/users/17"),
        json!({
            "user_id": "17", "company_id": "5",
            "metadata": {"plan": "paid", "address": {"city": "Rome", "zip": "1"}}
        })
    );
    collector.keep("/v1/users", &json!({"user_id": "17", "metadata": null}));
    assert_eq!(profile(&collector, "/api/users/17")["metadata"]["plan"], "paid");
}

#[test]
fn session_tokens_accumulate_as_a_set() {
    let directory = Directory::new();
    let collector = Collector::start(&directory);
    for (path, id, shown) in
        [("/v1/users", "user_id", "/api/users/x"), ("/v1/companies", "company_id", "/api/companies/x")]
    {
        for token in [json!("b"), json!("a"), json!("b"), Value::Null, json!(["c", "a"])] {
            collector.keep(path, &json!({id: "x", "session_token": token}));
        }
        assert_eq!(collector.read(shown)["session_token"], json!(["b", "a", "c"]));
    }
}

#[test]
fn each_kind_has_its_own_ids() {
    let directory = Directory::new();
    let collector = Collector::start(&directory);
    collector.keep("/v1/companies", &json!({"company_id": "a/b c", "company_domain": "acme.example"}));
    assert_eq!(profile(&collector, "/api/companies/a%2Fb%20c")["company_domain"], "acme.example");
    let subscription = json!({
        "subscription_id": "s-1", "company_id": "acme", "status": "active", "items": [{"plan_id": "p"}],
        "current_period_start": "2026-01-01T00:00:00"
    });
    collector.keep("/v1/subscriptions", &subscription);
    collector.keep("/v1/subscriptions/batch", &json!([{"subscription_id": "s-1", "company_id": "acme"}]));
    assert_eq!(profile(&collector, "/api/subscriptions/s-1"), subscription);
    for path in ["/api/users/acme", "/api/companies/s-1", "/api/subscriptions/acme"] {
        let reply = collector.get(path);
        assert_eq!(reply.status, 404, "{path}");
        assert!(!reply.error().is_empty());
    }
}

#[test]
fn profiles_of_two_application_ids_do_not_mix() {
    let directory = Directory::new();
    let collector = Collector::start(&directory);
    for (application, plan) in [("one", "free"), ("two", "paid")] {
        let user = json!({"user_id": "u", "metadata": {application: plan}});
        let reply =
            collector.call("POST", "/v1/users").application(application).body(user.to_string()).send();
        assert_eq!(reply.status, 201);
    }
    assert_eq!(collector.read("/api/users/u?app=one")["metadata"], json!({"one": "free"}));
    assert_eq!(collector.read("/api/users/u?app=two")["metadata"], json!({"two": "paid"}));
    assert_eq!(collector.read("/api/users/u")["metadata"], json!({"two": "paid"}));
    assert_eq!(collector.get("/api/users/u?app=three").status, 404);
}

#[test]
fn absent_modified_time_is_filled_in() {
    let directory = Directory::new();
    let collector = Collector::start(&directory);
    collector.keep("/v1/users", &json!({"user_id": "u", "modified_time": "2020-01-01T00:00:00.000Z"}));
    assert_eq!(collector.read("/api/users/u")["modified_time"], "2020-01-01T00:00:00.000Z");
    collector.keep("/v1/users", &json!({"user_id": "u", "modified_time": null}));
    assert_ne!(collector.read("/api/users/u")["modified_time"], "2020-01-01T00:00:00.000Z");
    let reply = collector.post("/v1/users", r#"{"user_id": "u", "modified_time": "yesterday"}"#);
    assert_eq!(reply.json()["rejected"][0]["field"], "modified_time");
}

#[test]
fn only_invalid_profiles_are_rejected() {
    let directory = Directory::new();
    let collector = Collector::start(&directory);
    let deep = "[".repeat(100_000) + &"]".repeat(100_000);
    let batch = format!(
        r#"[{{"user_id":"a"}},{{"user_id":"b","metadata":{{"x":{deep}}}}},{{"user_id":"c","metadata":{{"x":1e999}}}},{{"user_id":"d"}}]"#
    );
    let reply = collector.post("/v1/users/batch", batch);
    assert_eq!(reply.status, 201);
    let rejected: Vec<_> = reply.json()["rejected"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["index"].as_u64().unwrap())
        .collect();
    assert_eq!(rejected, [1, 2]);
    assert_eq!(collector.get("/api/users/a").status, 200);
    assert_eq!(collector.get("/api/users/d").status, 200);
}

#[test]
fn batch_about_one_profile_rewrites_it_once() {
    let directory = Directory::new();
    let collector = Collector::start(&directory);
    collector.keep("/v1/users", &json!({"user_id": "u", "metadata": {"big": "x".repeat(900_000)}}));
    let small: Vec<Value> = (0..20_000).map(|n| json!({"user_id": "u", "metadata": {"n": n}})).collect();
    // Rewriting the profile 20,000 times would take longer than the client's timeout.
    collector.keep("/v1/users/batch", &json!(small));
    let metadata = collector.read("/api/users/u")["metadata"].clone();
    assert_eq!((&metadata["n"], metadata["big"].as_str().unwrap().len()), (&json!(19_999), 900_000));
}

#[test]
fn only_the_profile_over_the_limit_is_rejected() {
    let directory = Directory::new();
    let collector = Collector::start(&directory);
    let part = |name: &str| json!({"user_id": "u", "metadata": {name: "x".repeat(600_000)}});
    collector.keep("/v1/users", &part("first"));
    let batch = json!([{"user_id": 3, "metadata": 3}, {"user_id": "v"}, part("second"), {"user_id": "u", "name": "n"}]);
    let reply = collector.post("/v1/users/batch", batch.to_string());
    assert_eq!(reply.status, 201);
    let rejected = reply.json()["rejected"].clone();
    assert_eq!(
        (&rejected[0]["index"], &rejected[1]["index"], &rejected[2]),
        (&json!(0), &json!(2), &Value::Null)
    );
    assert_eq!(rejected[1]["field"], "metadata");
    let kept = collector.read("/api/users/u");
    assert_eq!((&kept["name"], &kept["metadata"]["second"]), (&json!("n"), &Value::Null));
    assert_eq!(collector.post("/v1/users", part("second").to_string()).status, 400);
    assert_eq!(collector.read("/api/stats")["rejected"], 3);
}
