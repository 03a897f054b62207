//! API requests over a real socket: retries, deadlines and the number of threads.

#![expect(clippy::unwrap_used, reason = "a failure in a test fails it, also on the threads of the server")]

mod http;

use std::net::TcpListener;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use moesif::api::{Outcome, Problem, Request};
use moesif::{Api, Client, Integration, Settings};

const LONG: Duration = Duration::from_secs(30);

/// Starts a collector that answers with each of these heads in order, then always with the last one. Returns
/// its API and the number of requests.
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

/// Status of an answer, and the problem with it.
#[derive(Debug, PartialEq)]
struct Seen {
    /// 0 if there is no answer.
    status: u16,
    /// Empty if there is none.
    problem: String,
}

fn seen(outcome: &Outcome) -> Seen {
    Seen {
        status: outcome.answer.as_ref().map_or(0, |answer| answer.status),
        problem: outcome.problem.as_ref().map(Problem::to_string).unwrap_or_default(),
    }
}

#[test]
fn a_request_is_retried_until_it_succeeds() {
    let (api, asked) = collector(&["503 X", "429 X\r\nRetry-After: 1", "408 X", "201 X"]);
    let begin = Instant::now();
    let outcome = api.begin(Request::post("/v1/users", "{}"), LONG, || ()).wait();
    assert_eq!(seen(&outcome), Seen { status: 201, problem: String::new() });
    assert_eq!(asked.load(Ordering::Relaxed), 4);
    assert!(begin.elapsed() >= Duration::from_secs(1), "Retry-After is respected");
    let headers = outcome.answer.unwrap().headers;
    assert!(headers.contains(&("x-number".to_owned(), "3".to_owned())), "{headers:?}");
}

#[test]
fn other_statuses_are_not_retried() {
    for (head, expected) in [
        ("400 X", "answered 400"),
        ("401 X", "does not accept this APPLICATION_ID or BASE_URI"),
        ("413 X", "answered 413"),
        ("302 X\r\nLocation: /elsewhere", "does not accept"),
    ] {
        let (api, asked) = collector(Vec::leak(vec![head]));
        let Seen { status, problem } = seen(&api.begin(Request::get("/v1/config"), LONG, || ()).wait());
        assert!(head.starts_with(&status.to_string()) && problem.contains(expected), "{head}: {problem}");
        assert_eq!(asked.load(Ordering::Relaxed), 1, "{head}");
    }
}

#[test]
fn a_retry_after_beyond_the_deadline_ends_the_request_at_once() {
    let (api, asked) = collector(&["503 X\r\nRetry-After: 31"]);
    let outcome = api.begin(Request::get("/v1/config"), LONG, || ()).wait();
    assert_eq!(seen(&outcome).status, 503);
    assert_eq!(asked.load(Ordering::Relaxed), 1);
}

#[test]
fn a_request_ends_at_its_deadline() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let api = api(&format!("http://{}", taken.local_addr().unwrap()));
    let begin = Instant::now();
    let outcome = api.begin(Request::get("/v1/config"), Duration::from_millis(300), || ()).wait();
    let Seen { status, problem } = seen(&outcome);
    assert!(status == 0 && problem.contains("did not answer"), "{problem}");
    assert!(begin.elapsed() < LONG);
}

#[test]
fn waiting_for_an_outcome_that_was_taken_ends() {
    let (api, _) = collector(&["201 X"]);
    let (sender, done) = mpsc::channel();
    let call = api.begin(Request::get("/v1/config"), LONG, move || sender.send(()).unwrap());
    done.recv_timeout(LONG).unwrap();
    assert_eq!(seen(&call.outcome().unwrap()).status, 201);
    assert!(call.outcome().is_none());
    let (sender, waited) = mpsc::channel();
    std::thread::spawn(move || sender.send(seen(&call.wait())));
    let Seen { status, problem } = waited.recv_timeout(LONG).unwrap();
    assert!(status == 0 && problem.contains("taken"), "{problem}");
}

#[test]
fn many_requests_share_few_threads_and_each_calls_done_once() {
    let (api, asked) = collector(&["201 X"]);
    let (sender, done) = mpsc::channel();
    let calls: Vec<_> = (0..100)
        .map(|_| {
            let sender = sender.clone();
            api.begin(Request::post("/v1/users", "{}"), LONG, move || sender.send(()).unwrap())
        })
        .collect();
    for call in calls {
        assert_eq!(seen(&call.wait()).status, 201);
    }
    drop(sender);
    assert_eq!(done.iter().count(), 100);
    assert_eq!(asked.load(Ordering::Relaxed), 100);
    let names = std::fs::read_dir("/proc/self/task").unwrap();
    let names = names.filter_map(|task| std::fs::read_to_string(task.unwrap().path().join("comm")).ok());
    assert!(names.filter(|name| name.trim() == "moesif-api").count() <= 9);
}

#[test]
fn a_hanging_collector_does_not_block_another_and_waiting_requests_end_at_their_deadline() {
    let hung = TcpListener::bind("127.0.0.1:0").unwrap();
    let hanging = api(&format!("http://{}", hung.local_addr().unwrap()));
    let (healthy, _) = collector(&["201 X"]);
    let begin = |timeout| hanging.begin(Request::get("/v1/config"), Duration::from_millis(timeout), || ());
    let under_way: Vec<_> = (0..6).map(|_| begin(20_000)).collect();
    let waiting: Vec<_> = (0..20).map(|_| begin(300)).collect();
    let started = Instant::now();
    let outcome = healthy.begin(Request::post("/v1/users", "{}"), LONG, || ()).wait();
    assert_eq!(seen(&outcome).status, 201);
    for call in waiting {
        let Seen { status, problem } = seen(&call.wait());
        assert!(status == 0 && problem.starts_with("never sent to http://127.0.0.1"), "{problem}");
        assert!(problem.ends_with("other requests were under way"), "{problem}");
    }
    // The attempts under way take REQUEST_TIMEOUT, 5 s. Nothing waited for the end of one.
    assert!(started.elapsed() < Duration::from_secs(4));
    under_way.iter().for_each(moesif::api::PendingRequest::abandon);
}

#[test]
fn a_request_that_waits_for_a_busy_thread_ends_at_its_deadline() {
    let hung: Vec<_> = (0..2).map(|_| TcpListener::bind("127.0.0.1:0").unwrap()).collect();
    let hanging: Vec<_> =
        hung.iter().map(|hung| api(&format!("http://{}", hung.local_addr().unwrap()))).collect();
    let begin =
        |api: &Api, timeout| api.begin(Request::get("/v1/config"), Duration::from_millis(timeout), || ());
    let under_way: Vec<_> = hanging.iter().flat_map(|api| (0..6).map(move |_| begin(api, 20_000))).collect();
    let started = Instant::now();
    let Seen { problem, .. } = seen(&begin(&api("http://127.0.0.1:1"), 300).wait());
    assert_eq!(problem, "never sent to http://127.0.0.1:1: other requests were under way");
    assert!(started.elapsed() < Duration::from_secs(4));
    under_way.iter().for_each(moesif::api::PendingRequest::abandon);
}
