//! Requests somebody waits for: tried again like batches, bounded in time and in threads, against a real socket.

#![expect(
    clippy::unwrap_used,
    reason = "what goes wrong in a test fails it; the server's threads are part of the test"
)]

mod http;

use std::net::TcpListener;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use moesif::api::{Outcome, Problem, Request};
use moesif::{Api, Client, Integration, Settings};

const LONG: Duration = Duration::from_secs(30);

/// Answers each request with the next head, and with the last one from then on. Returns the API and how often it was asked.
fn collector(heads: &'static [&'static str]) -> (Api, Arc<AtomicUsize>) {
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let uri = http::serve(move |_head, _body| {
        let number = count.fetch_add(1, Ordering::Relaxed);
        let head = heads.get(number).or(heads.last()).unwrap();
        format!("HTTP/1.1 {head}\r\nX-Number: {number}\r\nContent-Length: 2\r\n\r\n{{}}")
    });
    (api(&uri), asked)
}

fn api(base_uri: &str) -> Api {
    let given =
        [("APPLICATION_ID", "test".into()), ("BASE_URI", base_uri.into()), ("REQUEST_TIMEOUT", 5.into())];
    Client::new(Settings::parse(Integration::Rust, given, []).unwrap().settings).api()
}

fn told(outcome: &Outcome) -> (u16, String) {
    let problem = outcome.problem.as_ref().map(Problem::to_string).unwrap_or_default();
    (outcome.answer.as_ref().map_or(0, |answer| answer.status), problem)
}

#[test]
fn a_request_is_tried_again_until_it_is_answered() {
    let (api, asked) = collector(&["503 X", "429 X\r\nRetry-After: 1", "408 X", "201 X"]);
    let begin = Instant::now();
    let outcome = api.begin(Request::post("/v1/users", "{}"), LONG, || ()).wait();
    assert_eq!(told(&outcome), (201, String::new()));
    assert_eq!(asked.load(Ordering::Relaxed), 4);
    assert!(begin.elapsed() >= Duration::from_secs(1), "the pause that was asked for is kept");
    let headers = outcome.answer.unwrap().headers;
    assert!(headers.contains(&("x-number".to_owned(), "3".to_owned())), "{headers:?}");
}

#[test]
fn other_answers_are_final() {
    for (head, said) in [
        ("400 X", "answered 400"),
        ("401 X", "does not accept this APPLICATION_ID or BASE_URI"),
        ("413 X", "answered 413"),
        ("302 X\r\nLocation: /elsewhere", "does not accept"),
    ] {
        let (api, asked) = collector(Vec::leak(vec![head]));
        let (status, problem) = told(&api.begin(Request::get("/v1/config"), LONG, || ()).wait());
        assert!(head.starts_with(&status.to_string()) && problem.contains(said), "{head}: {problem}");
        assert_eq!(asked.load(Ordering::Relaxed), 1, "{head}");
    }
}

#[test]
fn who_would_have_to_wait_too_long_is_told_at_once() {
    let (api, asked) = collector(&["503 X\r\nRetry-After: 31"]);
    let outcome = api.begin(Request::get("/v1/config"), LONG, || ()).wait();
    assert_eq!(told(&outcome).0, 503);
    assert_eq!(asked.load(Ordering::Relaxed), 1);
}

#[test]
fn nobody_waits_longer_than_they_want_to() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let api = api(&format!("http://{}", taken.local_addr().unwrap()));
    let begin = Instant::now();
    let outcome = api.begin(Request::get("/v1/config"), Duration::from_millis(300), || ()).wait();
    let (status, problem) = told(&outcome);
    assert!(status == 0 && problem.contains("did not answer"), "{problem}");
    assert!(begin.elapsed() < LONG);
}

#[test]
fn many_requests_are_made_by_few_threads_and_each_rings_once() {
    let (api, asked) = collector(&["201 X"]);
    let (ring, heard) = mpsc::channel();
    let calls: Vec<_> = (0..100)
        .map(|_| {
            let ring = ring.clone();
            api.begin(Request::post("/v1/users", "{}"), LONG, move || ring.send(()).unwrap())
        })
        .collect();
    for call in calls {
        assert_eq!(told(&call.wait()).0, 201);
    }
    drop(ring);
    assert_eq!(heard.iter().count(), 100);
    assert_eq!(asked.load(Ordering::Relaxed), 100);
    let names = std::fs::read_dir("/proc/self/task").unwrap();
    let names = names.filter_map(|task| std::fs::read_to_string(task.unwrap().path().join("comm")).ok());
    assert!(names.filter(|name| name.trim() == "moesif-api").count() <= 9);
}

#[test]
fn a_collector_that_hangs_takes_no_turn_from_another_and_what_waits_for_it_is_told_in_time() {
    let hung = TcpListener::bind("127.0.0.1:0").unwrap();
    let hanging = api(&format!("http://{}", hung.local_addr().unwrap()));
    let (well, _) = collector(&["201 X"]);
    let begin = |patience| hanging.begin(Request::get("/v1/config"), Duration::from_millis(patience), || ());
    let under_way: Vec<_> = (0..6).map(|_| begin(20_000)).collect();
    let waiting: Vec<_> = (0..20).map(|_| begin(300)).collect();
    let started = Instant::now();
    assert_eq!(told(&well.begin(Request::post("/v1/users", "{}"), LONG, || ()).wait()).0, 201);
    for call in waiting {
        let (status, problem) = told(&call.wait());
        assert!(status == 0 && problem.starts_with("never sent to http://127.0.0.1"), "{problem}");
        assert!(problem.ends_with("other requests were under way"), "{problem}");
    }
    // The attempts under way take REQUEST_TIMEOUT, 5 s: nothing has waited for the end of one.
    assert!(started.elapsed() < Duration::from_secs(4));
    under_way.iter().for_each(moesif::api::PendingRequest::abandon);
}

#[test]
fn what_waits_while_every_thread_is_busy_is_told_in_time() {
    let hung: Vec<_> = (0..2).map(|_| TcpListener::bind("127.0.0.1:0").unwrap()).collect();
    let hanging: Vec<_> =
        hung.iter().map(|hung| api(&format!("http://{}", hung.local_addr().unwrap()))).collect();
    let begin =
        |api: &Api, patience| api.begin(Request::get("/v1/config"), Duration::from_millis(patience), || ());
    let under_way: Vec<_> = hanging.iter().flat_map(|api| (0..6).map(move |_| begin(api, 20_000))).collect();
    let started = Instant::now();
    let (_, problem) = told(&begin(&api("http://127.0.0.1:1"), 300).wait());
    assert_eq!(problem, "never sent to http://127.0.0.1:1: other requests were under way");
    assert!(started.elapsed() < Duration::from_secs(4));
    under_way.iter().for_each(moesif::api::PendingRequest::abandon);
}
