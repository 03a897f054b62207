//! config.json and rules.json as clients see them.

use std::fs;

use serde_json::json;

use crate::harness::{Collector, Directory, Reply, event};

fn get(collector: &Collector, path: &str) -> Reply {
    collector.call("GET", path).application("a").send()
}

fn tags(reply: &Reply) -> (String, String) {
    let tag = |name| reply.header(name).unwrap().to_owned();
    (tag("x-moesif-config-etag"), tag("x-moesif-rules-tag"))
}

#[test]
fn every_reply_has_tags_that_change_only_with_the_content() {
    let directory = Directory::new();
    let collector = Collector::start(&directory);
    let (config, rules) = (get(&collector, "/v1/config"), get(&collector, "/v1/rules"));
    assert_eq!((config.status, config.json()), (200, json!({"sample_rate": 100})));
    assert_eq!((rules.status, rules.json()), (200, json!([])));
    let first = tags(&config);
    assert_eq!(first, tags(&rules));
    for path in ["/v1/events", "/v1/users", "/v1/companies", "/v1/subscriptions", "/v1/actions"] {
        for suffix in ["", "/batch"] {
            assert_eq!(tags(&collector.post(&format!("{path}{suffix}"), "[]")), first, "{path}{suffix}");
        }
    }

    let path = directory.data().join("config.json");
    fs::write(&path, r#"{"sample_rate": 10}"#).unwrap();
    let changed = tags(&collector.post("/v1/events", event("t").to_string()));
    assert_ne!(changed.0, first.0);
    assert_eq!(changed.1, first.1);
    assert_eq!(get(&collector, "/v1/config").text(), r#"{"sample_rate": 10}"#);
    // Same length, written at once: the file's time alone may not show the change.
    fs::write(&path, r#"{"sample_rate": 20}"#).unwrap();
    let again = tags(&get(&collector, "/v1/config"));
    assert_ne!(again.0, changed.0);
    // Written again with the same content: the tag stays.
    fs::write(&path, r#"{"sample_rate": 20}"#).unwrap();
    assert_eq!(tags(&get(&collector, "/v1/config")), again);

    fs::write(directory.data().join("rules.json"), r#"[{"_id": "r"}]"#).unwrap();
    let with_rule = tags(&get(&collector, "/v1/rules"));
    assert_eq!(with_rule.0, again.0);
    assert_ne!(with_rule.1, again.1);

    drop(collector);
    let collector = Collector::start(&directory);
    assert_eq!(tags(&get(&collector, "/v1/rules")), with_rule, "a restart changed a tag");
    fs::remove_file(path).unwrap();
    assert_eq!(tags(&get(&collector, "/v1/config")).0, first.0);
}

#[test]
fn invalid_file_is_logged_once_and_the_last_good_one_stays() {
    let directory = Directory::new();
    fs::create_dir(directory.data()).unwrap();
    let path = directory.data().join("rules.json");
    fs::write(&path, "[").unwrap();
    let collector = Collector::start(&directory);
    assert_eq!(get(&collector, "/v1/rules").json(), json!([]));
    assert_eq!(collector.stderr().lines().count(), 1, "{}", collector.stderr());
    assert!(collector.stderr().contains("the default is served"), "{}", collector.stderr());
    fs::write(&path, r#"[{"_id": "good"}]"#).unwrap();
    let good = tags(&get(&collector, "/v1/rules"));
    for broken in ["[{", "{}", "", "\u{1}"] {
        fs::write(&path, broken).unwrap();
        for _ in 0..3 {
            let reply = get(&collector, "/v1/rules");
            assert_eq!(reply.json(), json!([{"_id": "good"}]));
            assert_eq!(tags(&reply), good);
        }
    }
    let log = collector.stderr();
    assert_eq!(log.lines().count(), 5, "{log}");
    assert!(log.lines().all(|line| line.contains(path.to_str().unwrap())), "{log}");
    assert!(log.lines().skip(1).all(|line| line.contains("the last good version is served")), "{log}");
    fs::write(&path, "\u{feff}[]").unwrap();
    assert_eq!(get(&collector, "/v1/rules").text(), "[]");
}

#[test]
fn document_and_tag_match_while_the_file_changes() {
    let directory = Directory::new();
    let collector = Collector::start(&directory);
    let path = directory.data().join("config.json");
    let text = |n: usize| format!(r#"{{"sample_rate": {}}}"#, n % 2);
    let put = |n: usize| {
        let fresh = directory.path().join("fresh");
        fs::write(&fresh, text(n)).unwrap();
        fs::rename(fresh, &path).unwrap();
    };
    put(0);
    let tag_of = [0, 1].map(|n| {
        put(n);
        (text(n), tags(&get(&collector, "/v1/config")).0)
    });
    let done = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut turn = 0;
            while !done.load(std::sync::atomic::Ordering::Relaxed) {
                put(turn);
                turn += 1;
            }
        });
        let replies: Vec<_> = (0..500).map(|_| get(&collector, "/v1/config")).collect();
        done.store(true, std::sync::atomic::Ordering::Relaxed);
        for reply in replies {
            let seen = (reply.text(), tags(&reply).0);
            assert!(tag_of.contains(&seen), "{seen:?}");
        }
    });
}

#[test]
fn client_with_the_current_version_receives_304() {
    let directory = Directory::new();
    let collector = Collector::start(&directory);
    let reply = get(&collector, "/v1/config");
    let tag = tags(&reply).0;
    assert_eq!(reply.header("etag"), Some(format!("\"{tag}\"").as_str()));
    for given in [tag.clone(), format!("\"{tag}\""), format!("\"x\", W/\"{tag}\"")] {
        let reply =
            collector.call("GET", "/v1/config").application("a").header("If-None-Match", &given).send();
        assert_eq!((reply.status, reply.text().as_str()), (304, ""), "{given}");
        assert_eq!(tags(&reply).0, tag);
    }
    let other = collector.call("GET", "/v1/config").application("a").header("If-None-Match", "\"x\"").send();
    assert_eq!(other.status, 200);
}

#[test]
fn health_needs_no_application_id() {
    let directory = Directory::new();
    let collector = Collector::start(&directory);
    assert_eq!(collector.read("/health/probe"), json!({"status": true, "region": "local"}));
}
