//! The read API: lists, filters, pages and errors.

use serde_json::{Value, json};

use crate::harness::{Collector, Directory, event};

/// Starts a collector with twelve events, a second apart, that differ in every filtered field.
fn filled(directory: &Directory) -> Collector {
    let collector = Collector::start(directory);
    let events: Vec<Value> = (0..12)
        .map(|n| {
            let mut one = event(format!("t-{n}").as_str());
            one["request"]["time"] = json!(format!("2026-11-21T08:00:{n:02}Z"));
            one["response"]["time"] = json!(format!("2026-11-21T08:00:{n:02}.250Z"));
            one["request"]["verb"] = json!(["GET", "POST", "DELETE"][n % 3]);
            one["response"]["status"] = json!([200, 201, 404, 422][n % 4]);
            one["request"]["uri"] = json!(format!("https://h/v1/{}/{n}?items=x", ["items", "orders"][n % 2]));
            one["user_id"] = [json!("u-1"), json!(2), Value::Null][n % 3].clone();
            one["company_id"] = [json!("acme"), Value::Null][n % 2].clone();
            one["direction"] = json!(["Incoming", "Outgoing"][n / 6]);
            one
        })
        .collect();
    collector.keep("/v1/events/batch", &json!(events));
    collector
}

/// Returns the numbers of the events that a query finds, in order.
fn found(collector: &Collector, query: &str) -> Vec<usize> {
    let number =
        |row: &Value| row["transaction_id"].as_str().unwrap().trim_start_matches("t-").parse().unwrap();
    collector.all_events(query).iter().map(number).collect()
}

#[test]
fn row_has_all_fields_of_a_list() {
    let directory = Directory::new();
    let collector = Collector::start(&directory);
    let mut one = event("t-1");
    one["request"]["body"] = json!({"a": 1});
    one["response"]["content_length"] = json!(4096);
    one["weight"] = json!(3);
    collector.keep("/v1/events", &one);
    let mut row = collector.read("/api/events")["events"][0].clone();
    let id = row.as_object_mut().unwrap().remove("id").unwrap();
    assert_eq!(
        row,
        json!({
            "time": "2026-11-21T08:51:26.838Z", "verb": "GET", "uri": "https://api.example.com/v1/items?page=2",
            "route": "/v1/items", "status": 200, "duration_ms": 42, "user_id": "u-1", "company_id": "acme",
            "direction": "Incoming", "weight": 3, "transaction_id": "t-1", "request_bytes": 7,
            "response_bytes": 4096
        })
    );
    let whole = collector.read(&format!("/api/events/{id}"));
    assert_eq!(whole["id"], id);
    assert_eq!(whole["duration_ms"], 42);
    assert_eq!(whole["request"]["body"], json!({"a": 1}));
    assert!(whole["received_at"].as_str().unwrap().ends_with('Z'));
}

#[test]
fn event_without_response_user_or_query_is_listed() {
    let directory = Directory::new();
    let collector = Collector::start(&directory);
    collector.keep(
        "/v1/events",
        &json!({"request": {"time": "2026-11-21T08:51:26", "uri": "https://h", "verb": "GET", "headers": {}}}),
    );
    let row = collector.read("/api/events")["events"][0].clone();
    assert_eq!((&row["uri"], &row["route"], &row["weight"]), (&json!("https://h"), &json!("/"), &json!(1)));
    for field in
        ["status", "duration_ms", "user_id", "company_id", "direction", "transaction_id", "response_bytes"]
    {
        assert_eq!(row[field], Value::Null, "{field}");
    }
}

#[test]
fn filters_select_events_and_can_be_combined() {
    let directory = Directory::new();
    let collector = filled(&directory);
    for (query, expected) in [
        ("", (0..12).rev().collect::<Vec<_>>()),
        ("verb=GET", vec![9, 6, 3, 0]),
        ("verb=get", vec![9, 6, 3, 0]),
        ("status=404", vec![10, 6, 2]),
        ("status=4xx", vec![11, 10, 7, 6, 3, 2]),
        ("status=5xx", vec![]),
        ("route=orders", vec![11, 9, 7, 5, 3, 1]),
        ("route=%2Fitems%2F1", vec![10]),
        ("route=x", vec![]),
        ("user=u-1", vec![9, 6, 3, 0]),
        ("user=2", vec![10, 7, 4, 1]),
        ("user=other", vec![]),
        ("company=acme&verb=POST", vec![10, 4]),
        ("direction=outgoing", vec![11, 10, 9, 8, 7, 6]),
        ("from=2026-11-21T08:00:10Z", vec![11, 10]),
        ("to=2026-11-21T08:00:02", vec![1, 0]),
        ("from=1795248003000&to=1795248005000", vec![4, 3]),
        ("from=2026-11-21T09:00:10%2B01:00", vec![11, 10]),
        ("from=2026-11-22", vec![]),
        ("verb=GET&status=2xx&user=u-1&from=2026-11-21T08:00:01Z", vec![9]),
    ] {
        assert_eq!(found(&collector, query), expected, "{query}");
    }
}

#[test]
fn pages_have_no_gaps_while_events_arrive() {
    let directory = Directory::new();
    let collector = filled(&directory);
    let first = collector.read("/api/events?limit=5");
    assert_eq!(first["events"].as_array().unwrap().len(), 5);
    collector.keep("/v1/events", &event("t-99"));
    let next = first["next"].as_str().unwrap();
    let second = collector.read(&format!("/api/events?limit=5&cursor={next}"));
    assert_eq!(second["events"][0]["transaction_id"], "t-6");
    let next = second["next"].as_str().unwrap();
    let last = collector.read(&format!("/api/events?limit=5&cursor={next}"));
    assert_eq!(last["events"].as_array().unwrap().len(), 2);
    assert_eq!(last["next"], Value::Null);
    let exact = collector.read("/api/events?limit=13");
    assert_eq!((exact["events"].as_array().unwrap().len(), &exact["next"]), (13, &Value::Null));
}

#[test]
fn events_of_the_same_time_are_paged_by_id() {
    let directory = Directory::new();
    let collector = Collector::start(&directory);
    let batch: Vec<Value> = (0..7).map(|n| event(format!("t-{n}").as_str())).collect();
    collector.keep("/v1/events/batch", &json!(batch));
    assert_eq!(found(&collector, "limit=2"), [6, 5, 4, 3, 2, 1, 0]);
    assert_eq!(found(&collector, "limit=3&status=200"), [6, 5, 4, 3, 2, 1, 0]);
}

#[test]
fn error_names_parameter_value_and_expectation() {
    let directory = Directory::new();
    let collector = Collector::start(&directory);
    for (path, parameter, value) in [
        ("/api/events?limit=0", "limit", "0"),
        ("/api/events?limit=1001", "limit", "1001"),
        ("/api/events?limit=many", "limit", "many"),
        ("/api/events?status=4x", "status", "4x"),
        ("/api/events?from=soon", "from", "soon"),
        ("/api/events?direction=up", "direction", "up"),
        ("/api/events?cursor=!", "cursor", "!"),
        ("/api/events?colour=red", "colour", "red"),
        ("/api/actions?limit=-1", "limit", "-1"),
        ("/api/stats?x=1", "x", "1"),
    ] {
        let reply = collector.get(path);
        let body = reply.json();
        assert_eq!(reply.status, 400, "{path}");
        assert_eq!((&body["parameter"], &body["value"]), (&json!(parameter), &json!(value)), "{path}");
        assert!(reply.error().contains(parameter) && reply.error().contains(value), "{path}");
        assert!(!body["expected"].as_str().unwrap().is_empty());
    }
    for (path, expected) in [
        ("/api/actions?colour=red", "only these parameters: limit"),
        ("/api/users/u?application=a", "only these parameters: app"),
        ("/api/stats?x=1", "no parameters here"),
        ("/api/actions?limit=1&limit=2", "this parameter only once"),
    ] {
        assert!(collector.get(path).error().ends_with(&format!("expected {expected}")), "{path}");
    }
    for path in ["/api/events/0", "/api/events/1", "/api/events/x", "/api/events/99999999999999999999"] {
        let reply = collector.get(path);
        assert_eq!(reply.status, 404, "{path}");
        assert!(!reply.error().is_empty());
    }
}

#[test]
fn stats_count_stored_data() {
    let directory = Directory::new();
    let collector = Collector::start(&directory);
    let empty = collector.read("/api/stats");
    assert_eq!((&empty["events"], &empty["newest"]), (&json!(0), &Value::Null));
    drop(collector);
    let collector = filled(&directory);
    let stats = collector.read("/api/stats");
    assert_eq!(stats["events"], 12);
    assert_eq!((&stats["users"], &stats["companies"]), (&json!(2), &json!(1)));
    assert_eq!(stats["newest"], "2026-11-21T08:00:11.000Z");
    assert_eq!(stats["oldest"], "2026-11-21T08:00:00.000Z");
    assert!(stats["database_bytes"].as_u64().unwrap() > 0);
}

#[test]
fn id_that_is_not_utf8_is_a_json_error() {
    let directory = Directory::new();
    let collector = Collector::start(&directory);
    for path in ["/api/users/%ff", "/api/companies/%ff", "/api/subscriptions/%ff", "/api/events/%ff"] {
        let reply = collector.get(path);
        assert_eq!(reply.status, 400, "{path}");
        assert!(reply.error().contains("UTF-8"), "{path}");
    }
}

#[test]
fn duplicates_and_empty_ids_add_no_names() {
    let directory = Directory::new();
    let collector = Collector::start(&directory);
    let mut one = event("t-1");
    collector.keep("/v1/events", &one);
    one["user_id"] = json!("another");
    one["company_id"] = json!("another");
    one["request"]["uri"] = json!("https://another/route");
    collector.keep("/v1/events", &one);
    let mut without_ids = event("t-2");
    without_ids["user_id"] = json!("");
    without_ids["company_id"] = json!("");
    collector.keep("/v1/events", &without_ids);
    let stats = collector.read("/api/stats");
    assert_eq!(
        [&stats["events"], &stats["users"], &stats["companies"], &stats["routes"]],
        [&json!(2), &json!(1), &json!(1), &json!(1)]
    );
}
