//! The core without Python: a client delivers over a real socket and counts every event.

#![expect(clippy::unwrap_used, reason = "a failure in a test fails it, also on the threads of the server")]

mod http;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use moesif::{Client, Integration, Settings, runtime};

type Accepted = Arc<Mutex<Vec<AcceptedBatch>>>;

/// A batch that was answered with 201.
struct AcceptedBatch {
    head: String,
    events: Vec<serde_json::Value>,
}

/// Starts a collector that answers with these statuses first. After them, it answers 413 to more than two
/// events and 201 otherwise. Returns its base URI and the accepted batches.
fn collector(statuses: &[u16]) -> (String, Accepted) {
    let accepted = Accepted::default();
    let statuses = Mutex::new(statuses.to_vec());
    let kept = Arc::clone(&accepted);
    let uri = http::serve(move |head, body| {
        if head.starts_with("get ") {
            return "HTTP/1.1 404 X\r\nContent-Length: 0\r\n\r\n".to_owned();
        }
        let events: Vec<serde_json::Value> =
            serde_json::from_reader(flate2::read::GzDecoder::new(body)).unwrap();
        let status = {
            let mut statuses = statuses.lock().unwrap();
            let otherwise = if events.len() > 2 { 413 } else { 201 };
            if statuses.is_empty() { otherwise } else { statuses.remove(0) }
        };
        if status == 201 {
            kept.lock().unwrap().push(AcceptedBatch { head: head.to_owned(), events });
        }
        format!("HTTP/1.1 {status} X\r\nRetry-After: 0\r\nContent-Length: 2\r\n\r\n{{}}")
    });
    (format!("{uri}/prefix"), accepted)
}

fn client(base_uri: &str) -> Client {
    let given = [
        ("APPLICATION_ID", "my id".into()),
        ("BASE_URI", base_uri.into()),
        ("BATCH_SIZE", 4.into()),
        ("EVENT_WORKER_COUNT", 1.into()),
        ("EVENT_BATCH_TIMEOUT", 3600.into()),
    ];
    Client::new(Settings::parse(Integration::Rust, given, []).unwrap().settings)
}

fn record(client: &Client, number: u16) {
    let mut exchange = client.begin().unwrap();
    exchange.set_verb("GET");
    exchange.set_uri(&format!("http://h/{number}"));
    exchange.set_status(200 + number);
    exchange.finish();
    client.record(exchange);
}

/// One test, because the statistics are those of the process.
#[test]
fn every_event_is_delivered_once_through_failures_and_splits() {
    let (base_uri, accepted) = collector(&[503, 500]);
    let client = client(&base_uri);
    for number in 0..6 {
        record(&client, number);
    }
    assert!(runtime::flush(Some(Duration::from_secs(30))), "{:?}", runtime::stats());

    let accepted = accepted.lock().unwrap();
    let mut uris: Vec<&str> = accepted
        .iter()
        .flat_map(|batch| batch.events.iter().map(|event| event["request"]["uri"].as_str().unwrap()))
        .collect();
    uris.sort_unstable();
    assert_eq!(uris, ["http://h/0", "http://h/1", "http://h/2", "http://h/3", "http://h/4", "http://h/5"]);
    let sizes: Vec<usize> = accepted.iter().map(|batch| batch.events.len()).collect();
    assert_eq!(sizes, [2, 2, 2], "four events are too many for this collector");
    let head = &accepted[0].head;
    for line in [
        "post /prefix/v1/events/batch http/1.1",
        "x-moesif-application-id: my id",
        "content-type: application/json; charset=utf-8",
        "content-encoding: gzip",
        concat!("user-agent: moesif-rs/", env!("CARGO_PKG_VERSION"), "\r\n"),
    ] {
        assert!(head.contains(line), "{line} is missing in {head}");
    }

    let stats = runtime::stats();
    assert_eq!((stats.captured, stats.sent, stats.queue_bytes), (6, 6, 0), "{stats:?}");
}
