//! Size limits of bodies, and hostile bodies.

use std::{fmt::Write as _, io::Write as _, thread};

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

use crate::harness::{Collector, Directory, MIB, Reply, event, gzip, until};

const LIMIT: usize = 50 * MIB;

/// Returns the peak memory of the process in bytes.
fn peak_memory(collector: &Collector) -> usize {
    let status = std::fs::read_to_string(format!("/proc/{}/status", collector.pid())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<usize>().unwrap() * 1024
}

/// Returns an event with this JSON text as its request body. A JSON tree may be unable to hold it.
fn event_with_body(transaction_id: &str, body: &str) -> String {
    let mut whole = event(transaction_id);
    whole["request"]["body"] = json!("BODY");
    whole.to_string().replace("\"BODY\"", body)
}

#[test]
fn sender_of_a_body_over_the_limit_receives_413() {
    let directory = Directory::new();
    let collector = Collector::start(&directory);
    let too_long = vec![b' '; LIMIT + 1];
    let call = || collector.call("POST", "/v1/events/batch").application("a");
    let declared = call().body(&too_long).send();
    assert_eq!(declared.status, 413);
    assert!(declared.error().contains("split"));
    assert_eq!(call().body(&too_long).send_chunked().status, 413);
    assert_eq!(call().send_only_head(1 << 40).status, 413);

    let mut exactly = vec![b' '; LIMIT];
    exactly[0] = b'[';
    exactly[LIMIT - 1] = b']';
    assert_eq!(call().body(&exactly).send().status, 201);
    assert_eq!(call().body(&exactly).send_chunked().status, 201);
}

#[test]
fn rejected_body_is_drained_so_that_the_error_reply_arrives() {
    let directory = Directory::new();
    let collector = Collector::start(&directory);
    let body = vec![b' '; 20 * MIB];
    assert_eq!(collector.call("POST", "/v1/events").body(&body).send().status, 401);
    let unknown = collector.call("POST", "/v1/events").application("a").header("Content-Encoding", "br");
    let reply = unknown.body(&body).send();
    assert_eq!(reply.status, 415);
    assert!(reply.error().contains("`br`"));
    assert_eq!(reply.header("accept-encoding"), Some("identity, gzip, deflate"));
}

#[test]
fn compression_bomb_uses_no_more_memory_than_the_limit() {
    let directory = Directory::new();
    let collector = Collector::start(&directory);
    let member = gzip(vec![b' '; 4 * MIB]);
    let bomb = member.repeat(512);
    let before = peak_memory(&collector);
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let call = collector.call("POST", "/v1/events/batch").application("a");
                let reply = call.header("Content-Encoding", "gzip").body(&bomb).send();
                assert_eq!(reply.status, 413);
                assert!(reply.error().contains("decompress"));
            });
        }
    });
    let grown = peak_memory(&collector) - before;
    assert!(grown < 5 * LIMIT, "4 bombs of 2 GiB cost {} MiB", grown / MIB);
}

#[test]
fn array_of_tiny_elements_uses_no_multiple_of_its_size() {
    let directory = Directory::new();
    let collector = Collector::start(&directory);
    let zeros = format!("[{}0]", "0,".repeat(12 * MIB));
    let reply = collector.post("/v1/events/batch", &zeros);
    assert_eq!(reply.status, 413);
    assert!(peak_memory(&collector) < 5 * LIMIT, "{} MiB", peak_memory(&collector) / MIB);

    let headers = (0..2_000_000).fold(String::from("{"), |mut text, n| {
        write!(text, "\"{n}\":0,").unwrap();
        text
    }) + "\"x\":0}";
    let reply = collector.post("/v1/events", event("t").to_string().replace(r#"{"Accept":"*/*"}"#, &headers));
    assert_eq!((reply.status, &reply.json()["rejected"][0]["field"]), (400, &json!("request.headers")));
    assert!(peak_memory(&collector) < 5 * LIMIT, "{} MiB", peak_memory(&collector) / MIB);
}

#[test]
fn only_the_profile_or_action_over_a_megabyte_is_rejected() {
    let directory = Directory::new();
    let collector = Collector::start(&directory);
    let zeros = format!("[{}0]", "0,".repeat(8 * MIB));
    let user = format!(r#"[{{"user_id":"a","metadata":{{"x":{zeros}}}}},{{"user_id":"b"}}]"#);
    let action = format!(r#"[{{"action_name":"a","request":{{"uri":"u"}},"metadata":{{"x":{zeros}}}}}]"#);
    for (path, body, status) in [("/v1/users/batch", user, 201), ("/v1/actions/batch", action, 400)] {
        let reply = collector.post(path, body);
        assert_eq!((reply.status, &reply.json()["rejected"][0]["index"]), (status, &json!(0)), "{path}");
    }
    assert_eq!(collector.get("/api/users/b").status, 200);
    assert!(peak_memory(&collector) < 4 * LIMIT, "{} MiB", peak_memory(&collector) / MIB);
}

#[test]
fn corrupt_compressed_body_is_400() {
    let directory = Directory::new();
    let collector = Collector::start(&directory);
    let whole = gzip(event("t").to_string());
    for (coding, body) in
        [("gzip", &whole[..whole.len() / 2]), ("gzip", b"{}".as_slice()), ("deflate", &[0xff; 9])]
    {
        let call = collector.call("POST", "/v1/events").application("a").header("Content-Encoding", coding);
        let reply = call.body(body).send();
        assert_eq!(reply.status, 400, "{coding}");
        assert!(reply.error().contains(coding));
    }
}

#[test]
fn bodies_that_a_json_tree_cannot_hold_are_stored_unchanged() {
    let directory = Directory::new();
    let collector = Collector::start(&directory);
    let deep = "[".repeat(100_000) + &"]".repeat(100_000);
    let bodies = [
        r#"{"lone": "\ud800", "\udfff": 1}"#.to_owned(),
        deep,
        "9".repeat(100_000),
        "1e999999".to_owned(),
        r#"{"a": 1, "a": 2}"#.to_owned(),
        "12345678901234567890.10".to_owned(),
    ];
    let elements: Vec<String> =
        bodies.iter().enumerate().map(|(n, body)| event_with_body(&format!("t-{n}"), body)).collect();
    let reply = collector.post("/v1/events/batch", format!("[{}]", elements.join(",")));
    assert_eq!((reply.status, reply.text().as_str()), (201, "{}"));
    let listed = collector.all_events("limit=10");
    assert_eq!(listed.len(), bodies.len());
    for row in listed {
        let n: usize = row["transaction_id"].as_str().unwrap().trim_start_matches("t-").parse().unwrap();
        let whole = collector.get(&format!("/api/events/{}", row["id"])).text();
        assert!(whole.contains(&format!(r#""body":{},"#, bodies[n])), "body {n} came back altered");
    }
}

#[test]
fn lone_surrogate_in_metadata_is_stored_unchanged() {
    let directory = Directory::new();
    let collector = Collector::start(&directory);
    let mut whole = event("t-1");
    whole["metadata"] = json!({"k": "MARK"});
    whole["user_id"] = json!("u-MARK");
    let text = whole.to_string().replace("MARK", r"\ud83d");
    assert_eq!(collector.post("/v1/events", text).status, 201);
    assert!(collector.newest().contains(r#""metadata":{"k":"\ud83d"}"#));
}

#[test]
fn bodies_of_an_event_over_a_megabyte_are_cut() {
    let directory = Directory::new();
    let collector = Collector::start(&directory);
    let text = "x".repeat(2 * MIB);
    let mut large = event("t-1");
    large["request"]["body"] = json!({ "text": text });
    large["response"]["body"] = json!({"small": true});
    collector.keep("/v1/events", &large);
    let kept: Value = serde_json::from_str(&collector.newest()).unwrap();
    assert_eq!(kept["request"]["transfer_encoding"], "base64");
    let bytes = STANDARD.decode(kept["request"]["body"].as_str().unwrap()).unwrap();
    assert_eq!(bytes.len(), 450 * 1024);
    assert!(bytes.starts_with(br#"{"text":"xxx"#));
    assert_eq!(kept["request"]["content_length"], json!({ "text": text }).to_string().len());
    assert_eq!(kept["request"]["headers"]["X-Moesif-Body-Truncated"], "1");
    assert_eq!(kept["response"]["body"], json!({"small": true}));
    assert_eq!(kept["response"]["headers"].get("X-Moesif-Body-Truncated"), None);

    let mut encoded = event("t-2");
    encoded["response"]["body"] = json!(STANDARD.encode(vec![7; 2 * MIB]));
    encoded["response"]["transfer_encoding"] = json!("base64");
    collector.keep("/v1/events", &encoded);
    let kept: Value = serde_json::from_str(&collector.newest()).unwrap();
    let bytes = STANDARD.decode(kept["response"]["body"].as_str().unwrap()).unwrap();
    assert_eq!(bytes, vec![7; 450 * 1024]);
    assert_eq!(kept["response"]["content_length"], 2 * MIB);

    let mut not_ascii = event("t-4");
    not_ascii["request"]["body"] = json!("a".to_owned() + &"é".repeat(MIB));
    not_ascii["request"]["transfer_encoding"] = json!("base64");
    collector.keep("/v1/events", &not_ascii);
    let kept: Value = serde_json::from_str(&collector.newest()).unwrap();
    let cut = kept["request"]["body"].as_str().unwrap();
    assert!((599 * 1024..=600 * 1024).contains(&cut.len()) && cut.starts_with("aé"), "{}", cut.len());

    let mut under = event("t-3");
    under["request"]["body"] = json!("y".repeat(900 * 1024));
    collector.keep("/v1/events", &under);
    let kept: Value = serde_json::from_str(&collector.newest()).unwrap();
    assert_eq!(kept["request"]["body"], under["request"]["body"]);
}

/// Head of a POST with a chunked body.
const CHUNKED: &str = "POST /v1/events/batch HTTP/1.1\r\nHost: x\r\nX-Moesif-Application-Id: a\r\nConnection: close\r\n\
    Transfer-Encoding: chunked\r\n\r\n";

#[test]
fn stalled_clients_do_not_block_others() {
    let directory = Directory::new();
    let collector = Collector::start(&directory);
    let declared = CHUNKED.replace("Transfer-Encoding: chunked", &format!("Content-Length: {LIMIT}"));
    let mut waiting = Vec::new();
    for head in [CHUNKED, declared.as_str()] {
        for _ in 0..10 {
            let mut stream = collector.connect();
            stream.write_all(head.as_bytes()).unwrap();
            stream.write_all(b"1\r\n[\r\n").unwrap();
            waiting.push(stream);
        }
    }
    collector.keep("/v1/events", &event("t-1"));

    // A slow client is served too.
    let mut slow = waiting.remove(0);
    slow.write_all(b"1\r\n]\r\n0\r\n\r\n").unwrap();
    assert_eq!(Reply::read(&mut slow).status, 201);
}

#[test]
fn body_beyond_the_memory_budget_is_503_with_retry_after() {
    let directory = Directory::new();
    let collector = Collector::start(&directory);
    let part = vec![b' '; LIMIT - MIB];
    let mut held = Vec::new();
    let reply = (0..6).find_map(|_| {
        let mut stream = collector.connect();
        write!(stream, "{CHUNKED}{:x}\r\n", part.len()).unwrap();
        stream.write_all(&part).unwrap();
        stream.write_all(b"\r\n").unwrap();
        if held.len() < 5 {
            held.push(stream);
            return None;
        }
        stream.write_all(b"0\r\n\r\n").unwrap();
        Some(Reply::read(&mut stream))
    });
    let reply = reply.unwrap();
    assert_eq!((reply.status, reply.header("retry-after")), (503, Some("1")));
    // A client that disconnects in the middle of its body frees its memory.
    drop(held);
    until("the memory is free again", || {
        collector.call("POST", "/v1/events/batch").application("a").body(&part).send().status == 400
    });
    collector.keep("/v1/events", &event("t-1"));
}

#[test]
fn fields_that_lists_show_have_a_size_limit() {
    let directory = Directory::new();
    let collector = Collector::start(&directory);
    for (path, max) in [
        ("/request/uri", 64 * 1024),
        ("/request/verb", 64),
        ("/request/ip_address", 1024),
        ("/user_id", 1024),
        ("/company_id", 1024),
        ("/transaction_id", 1024),
        ("/session_token", 4096),
    ] {
        let mut one = event(format!("t{path}"));
        *one.pointer_mut(path).unwrap() = json!("x".repeat(max));
        collector.keep("/v1/events", &one);
        *one.pointer_mut(path).unwrap() = json!("x".repeat(max + 1));
        let reply = collector.post("/v1/events", one.to_string());
        let field = path.trim_start_matches('/').replace('/', ".");
        assert_eq!((reply.status, &reply.json()["rejected"][0]["field"]), (400, &json!(field)));
    }
    for (path, field, one) in [
        ("/v1/users", "user_id", json!({"user_id": "x".repeat(1025)})),
        ("/v1/users", "session_token", json!({"user_id": "u", "session_token": ["x".repeat(4097)]})),
        ("/v1/actions", "request.uri", json!({"action_name": "a", "request": {"uri": "x".repeat(65_537)}})),
    ] {
        let reply = collector.post(path, one.to_string());
        assert_eq!((reply.status, &reply.json()["rejected"][0]["field"]), (400, &json!(field)));
    }
}

#[test]
fn only_the_event_that_is_too_large_without_its_bodies_is_rejected() {
    let directory = Directory::new();
    let collector = Collector::start(&directory);
    let mut bodies = event("t-1");
    bodies["request"]["body"] = json!("x".repeat(2 * MIB));
    bodies["response"]["body"] = json!("x".repeat(2 * MIB));
    let mut metadata = event("t-2");
    metadata["metadata"] = json!({"x": "x".repeat(MIB)});
    let mut headers = event("t-3");
    headers["request"]["headers"] = json!({"x": "x".repeat(MIB)});
    let reply = collector.post("/v1/events/batch", json!([bodies, metadata, headers]).to_string());
    assert_eq!(reply.status, 201);
    let rejected = reply.json()["rejected"].clone();
    for (place, index) in [(0, 1), (1, 2)] {
        assert_eq!((&rejected[place]["index"], &rejected[place]["field"]), (&json!(index), &json!("event")));
    }
    assert_eq!(collector.all_events("").len(), 1);
}
