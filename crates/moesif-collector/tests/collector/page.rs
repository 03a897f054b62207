//! The page, and the access check for captured data.

use crate::harness::{Collector, Directory};

#[test]
fn page_allows_only_its_own_files() {
    let directory = Directory::new();
    let collector = Collector::start(&directory);
    for (path, media_type) in [
        ("/", "text/html; charset=utf-8"),
        ("/page.js", "text/javascript; charset=utf-8"),
        ("/page.css", "text/css; charset=utf-8"),
    ] {
        let reply = collector.get(path);
        assert_eq!((reply.status, reply.header("content-type")), (200, Some(media_type)), "{path}");
        let policy = reply.header("content-security-policy").unwrap();
        assert!(policy.contains("default-src 'none'") && policy.contains("script-src 'self'"), "{policy}");
        assert!(policy.contains("frame-ancestors 'none'") && !policy.contains("unsafe"), "{policy}");
        assert_eq!(reply.header("x-content-type-options"), Some("nosniff"));
        assert_eq!(reply.header("cross-origin-resource-policy"), Some("same-origin"));
    }
    let page = collector.get("/").text();
    assert!(page.contains(r#"<script type="module" src="/page.js">"#));
    assert!(!page.contains("onclick") && !page.contains("<style"));
    let script = collector.get("/page.js").text();
    for markup in ["innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval("] {
        assert!(!script.contains(markup), "{markup} would read captured text as HTML");
    }
}

#[test]
fn json_replies_forbid_content_sniffing() {
    let directory = Directory::new();
    let collector = Collector::start(&directory);
    for path in ["/api/events", "/api/stats", "/api/events/1", "/nothing"] {
        let reply = collector.get(path);
        assert_eq!(reply.header("content-type"), Some("application/json"), "{path}");
        assert_eq!(reply.header("x-content-type-options"), Some("nosniff"), "{path}");
    }
}

#[test]
fn on_loopback_other_hosts_are_denied() {
    let directory = Directory::new();
    let collector = Collector::start(&directory);
    let port = collector.address.rsplit(':').next().unwrap();
    for path in
        ["/", "/page.js", "/api/events", "/api/events/1", "/api/stats", "/api/users/u", "/api/actions"]
    {
        for host in ["evil.example", &format!("evil.example:{port}"), "127.0.0.1", "127.0.0.1:1", ""] {
            let reply = collector.call("GET", path).host(host).send();
            assert_eq!(reply.status, 403, "{path} as {host:?}");
            assert!(!reply.error().is_empty());
        }
        for host in [format!("localhost:{port}"), format!("127.0.0.1:{port}"), format!("[::1]:{port}")] {
            assert_ne!(collector.call("GET", path).host(&host).send().status, 403, "{path} as {host}");
        }
    }
}

#[test]
fn pages_of_other_origins_are_denied() {
    let directory = Directory::new();
    let collector = Collector::start(&directory);
    let own = format!("http://{}", collector.address);
    for (origin, status) in
        [(own.as_str(), 200), ("https://evil.example", 403), ("null", 403), ("http://localhost:1", 403)]
    {
        let reply = collector.call("GET", "/api/events").header("Origin", origin).send();
        assert_eq!(reply.status, status, "{origin}");
    }
}

#[test]
fn beyond_loopback_every_host_is_allowed() {
    let directory = Directory::new();
    let mut collector = Collector::listening(&directory, "0.0.0.0:0");
    collector.address = collector.address.replace("0.0.0.0", "127.0.0.1");
    assert_eq!(collector.call("GET", "/api/events").host("collector.example").send().status, 200);
    let foreign = collector
        .call("GET", "/api/events")
        .host("collector.example")
        .header("Origin", "https://evil.example");
    assert_eq!(foreign.send().status, 403);
}

#[test]
fn event_is_shown_as_it_was_captured() {
    let directory = Directory::new();
    let collector = Collector::start(&directory);
    let script = collector.get("/page.js").text();
    // Parsing and printing again would lose digits and repeated names.
    assert!(script.contains("indent(await fetchText(`/api/events/${id}`))"));
    assert!(!script.contains("JSON.stringify"));
}
