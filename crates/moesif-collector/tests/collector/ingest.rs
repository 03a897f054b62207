//! The ingestion routes: accepted requests and their replies.

use serde_json::{Value, json};

use crate::harness::{Collector, Directory, event, gzip, raw_deflate, zlib};

/// Returns a valid element for each route.
fn samples() -> [(&'static str, Value); 5] {
    [
        ("events", event(Value::Null)),
        ("actions", json!({"action_name": "Clicked", "request": {"uri": "https://h/p"}})),
        ("users", json!({"user_id": "u-1"})),
        ("companies", json!({"company_id": "acme"})),
        ("subscriptions", json!({"subscription_id": "s-1", "company_id": "acme", "status": "active"})),
    ]
}

/// Compresses a text as two gzip members in a row, which is valid gzip.
fn in_two_members(text: &str) -> Vec<u8> {
    let (first, second) = text.as_bytes().split_at(9);
    [gzip(first), gzip(second)].concat()
}

#[test]
fn every_route_accepts_every_coding_with_and_without_prefix() {
    let directory = Directory::new();
    let collector = Collector::start(&directory);
    let mut sent = 0;
    for prefix in ["", "/collector"] {
        for (name, element) in samples() {
            for (suffix, document) in [("", element.clone()), ("/batch", json!([element]))] {
                let text = document.to_string();
                for (coding, body) in [
                    (None, text.clone().into_bytes()),
                    (Some("identity"), text.clone().into_bytes()),
                    (Some("gzip"), gzip(&text)),
                    (Some("GZIP"), in_two_members(&text)),
                    (Some("deflate"), zlib(&text)),
                    (Some("deflate"), raw_deflate(&text)),
                ] {
                    let path = format!("{prefix}/v1/{name}{suffix}");
                    let mut call = collector
                        .call("POST", &path)
                        .application("app-1")
                        .header("Content-Type", "application/json; charset=utf-8");
                    if let Some(coding) = coding {
                        call = call.header("Content-Encoding", coding);
                    }
                    let reply = call.body(body).send();
                    assert_eq!((reply.status, reply.text().as_str()), (201, "{}"), "{path} {coding:?}");
                    assert_eq!(reply.header("content-type"), Some("application/json"));
                    assert!(reply.header("x-moesif-config-etag").is_some(), "{path}");
                    assert!(reply.header("x-moesif-rules-tag").is_some(), "{path}");
                    assert_eq!(reply.header("access-control-allow-origin"), Some("*"), "{path}");
                    sent += 1;
                }
            }
        }
    }
    let stats = collector.read("/api/stats");
    assert_eq!(stats["events"], sent / 5);
    assert_eq!(stats["actions"], sent / 5);
    assert_eq!(collector.get("/collector/health/probe").json(), json!({"status": true, "region": "local"}));
}

#[test]
fn application_id_is_required() {
    let directory = Directory::new();
    let collector = Collector::start(&directory);
    for (name, element) in samples() {
        for (suffix, body) in [("", element.to_string()), ("/batch", json!([element]).to_string())] {
            let reply = collector.call("POST", &format!("/v1/{name}{suffix}")).body(body).send();
            assert_eq!(reply.status, 401, "{name}{suffix}");
            assert!(reply.error().contains("X-Moesif-Application-Id"));
        }
    }
    let empty = collector.call("POST", "/v1/events").application(" ").body("{}").send();
    assert_eq!(empty.status, 401);
    assert_eq!(collector.get("/v1/config").status, 401);
    assert_eq!(collector.get("/v1/rules").status, 401);
    assert_eq!(collector.read("/api/stats")["events"], 0);
}

#[test]
fn each_element_of_a_batch_is_validated_alone() {
    let directory = Directory::new();
    let collector = Collector::start(&directory);
    let mut no_time = event("t-2");
    no_time["request"]["time"] = Value::Null;
    let mut bad_status = event("t-3");
    bad_status["response"]["status"] = json!("teapot");
    let batch = json!([event("t-1"), no_time, 7, bad_status, event("t-4")]);
    let reply = collector.post("/v1/events/batch", batch.to_string());
    assert_eq!(reply.status, 201);
    let rejected = reply.json()["rejected"].clone();
    let named: Vec<_> =
        rejected.as_array().unwrap().iter().map(|one| (one["index"].clone(), one["field"].clone())).collect();
    assert_eq!(
        named,
        [(json!(1), json!("request.time")), (json!(2), json!("")), (json!(3), json!("response.status"))]
    );
    assert!(rejected[2]["error"].as_str().unwrap().contains("teapot"));
    let kept = collector.read("/api/events");
    assert_eq!(kept["events"].as_array().unwrap().len(), 2);
    let stats = collector.read("/api/stats");
    assert_eq!((&stats["events"], &stats["rejected"]), (&json!(2), &json!(3)));
}

#[test]
fn batch_without_a_valid_element_is_400_with_the_same_list() {
    let directory = Directory::new();
    let collector = Collector::start(&directory);
    for (path, body, index, field) in [
        ("/v1/events", "{}", 0, "request"),
        ("/v1/events", "[]", 0, ""),
        ("/v1/events/batch", "[{}]", 0, "request"),
        ("/v1/users", r#"{"company_id": "acme"}"#, 0, "user_id"),
        ("/v1/users/batch", r#"[{"user_id": null}]"#, 0, "user_id"),
        ("/v1/users", r#"{"user_id": "u", "metadata": 3}"#, 0, "metadata"),
        ("/v1/companies", "{}", 0, "company_id"),
        ("/v1/subscriptions", r#"{"company_id": "acme", "status": "active"}"#, 0, "subscription_id"),
        ("/v1/subscriptions", r#"{"subscription_id": "s", "status": "active"}"#, 0, "company_id"),
        ("/v1/subscriptions", r#"{"subscription_id": "s", "company_id": "acme"}"#, 0, "status"),
        ("/v1/actions", r#"{"request": {"uri": "https://h/"}}"#, 0, "action_name"),
        ("/v1/actions", r#"{"action_name": "a"}"#, 0, "request"),
        ("/v1/actions/batch", r#"[{"action_name": "a", "request": {}}]"#, 0, "request.uri"),
        (
            "/v1/actions",
            r#"{"action_name": "a", "request": {"uri": "https://h/", "time": "soon"}}"#,
            0,
            "request.time",
        ),
    ] {
        let reply = collector.post(path, body);
        let rejected = reply.json()["rejected"].clone();
        assert_eq!(reply.status, 400, "{path} {body}");
        assert_eq!(
            (&rejected[0]["index"], &rejected[0]["field"]),
            (&json!(index), &json!(field)),
            "{path} {body}"
        );
    }
}

#[test]
fn invalid_json_or_wrong_shape_is_400() {
    let directory = Directory::new();
    let collector = Collector::start(&directory);
    for (path, body) in [
        ("/v1/events", ""),
        ("/v1/events", "{"),
        ("/v1/events/batch", "[{},"),
        ("/v1/events/batch", "[] []"),
        ("/v1/events/batch", "{}"),
        ("/v1/events/batch", r#"[{"a": NaN}]"#),
        ("/v1/users", "user_id=1"),
    ] {
        let reply = collector.post(path, body);
        assert_eq!(reply.status, 400, "{path} {body}");
        assert!(!reply.error().is_empty());
    }
    assert!(collector.post("/v1/events", b"\"\xff\"").error().contains("JSON"));
    assert!(collector.post("/v1/events/batch", "{}").error().contains("array"));
    for (path, body) in
        [("/v1/events/batch", "[]"), ("/v1/users/batch", " [ ] "), ("/v1/events/batch", "\u{feff}[]")]
    {
        assert_eq!(collector.post(path, body).status, 201, "{path} {body}");
    }
}

#[test]
fn absent_address_and_time_are_filled_in() {
    let directory = Directory::new();
    let collector = Collector::start(&directory);
    let mut unaddressed = event("t-1");
    unaddressed["request"]["ip_address"] = Value::Null;
    collector.keep("/v1/events", &unaddressed);
    let kept: Value = serde_json::from_str(&collector.newest()).unwrap();
    assert_eq!(kept["request"]["ip_address"], "127.0.0.1");
    assert_eq!(kept["request"]["time"], "2026-11-21T08:51:26.838Z");

    collector.keep("/v1/events", &event("t-2"));
    let kept: Value = serde_json::from_str(&collector.newest()).unwrap();
    assert_eq!(kept["request"]["ip_address"], "203.0.113.7");

    collector
        .keep("/v1/actions", &json!({"action_name": "a", "request": {"uri": "https://h/"}, "user_id": 17}));
    let action = collector.read("/api/actions?limit=1")["actions"][0].clone();
    assert_eq!(action["request"]["ip_address"], "127.0.0.1");
    assert!(action["request"]["time"].as_str().unwrap().ends_with('Z'));
    assert_eq!(action["user_id"], "17");
}

#[test]
fn old_event_is_kept() {
    let directory = Directory::new();
    let collector = Collector::start(&directory);
    let mut old = event("t-1");
    old["request"]["time"] = json!("1999-01-01T00:00:00");
    collector.keep("/v1/events", &old);
    assert_eq!(collector.read("/api/stats")["oldest"], "1999-01-01T00:00:00.000Z");
}

#[test]
fn pages_of_any_origin_may_send_but_not_read() {
    let directory = Directory::new();
    let collector = Collector::start(&directory);
    for path in ["/v1/events", "/v1/users/batch", "/v1/config", "/collector/v1/actions"] {
        let reply = collector
            .call("OPTIONS", path)
            .host("evil.example")
            .header("Origin", "https://shop.example")
            .header("Access-Control-Request-Method", "POST")
            .send();
        assert_eq!(reply.status, 204, "{path}");
        assert_eq!(reply.header("access-control-allow-origin"), Some("*"));
        assert!(reply.header("access-control-allow-headers").unwrap().contains("X-Moesif-Application-Id"));
        assert!(reply.header("access-control-allow-methods").unwrap().contains("POST"));
    }
    let sent = collector
        .call("POST", "/v1/events")
        .host("evil.example")
        .application("a")
        .header("Origin", "https://shop.example")
        .body(event("t").to_string())
        .send();
    assert_eq!(sent.status, 201);
    for path in ["/", "/page.js", "/api/events", "/api/stats"] {
        assert_eq!(collector.get(path).header("access-control-allow-origin"), None, "{path}");
        assert_ne!(collector.call("OPTIONS", path).send().status, 204, "{path}");
    }
}

#[test]
fn unknown_path_or_method_is_a_json_error() {
    let directory = Directory::new();
    let collector = Collector::start(&directory);
    for (method, path, status) in [
        ("GET", "/v1/events", 405),
        ("POST", "/v1/nothing", 404),
        ("DELETE", "/api/events", 405),
        ("POST", "/", 405),
    ] {
        let reply = collector.call(method, path).application("a").send();
        assert_eq!(reply.status, status, "{method} {path}");
        assert!(!reply.error().is_empty());
    }
}

#[test]
fn long_list_of_rejections_is_cut_and_counted() {
    let directory = Directory::new();
    let collector = Collector::start(&directory);
    let list = |count: usize| format!("[{}0]", "0,".repeat(count - 1));
    let whole = collector.post("/v1/events/batch", list(1000)).json();
    assert_eq!((whole["rejected"].as_array().unwrap().len(), &whole["rejected_count"]), (1000, &Value::Null));
    let cut = collector.post("/v1/events/batch", list(200_000));
    assert_eq!(cut.status, 400);
    let cut = cut.json();
    assert_eq!((cut["rejected"].as_array().unwrap().len(), &cut["rejected_count"]), (1000, &json!(200_000)));
    assert_eq!(collector.read("/api/stats")["rejected"], 201_000);
}
