//! The process: how it starts, what it says when it cannot, how it ends.

use std::{
    fs,
    io::Write,
    net::TcpListener,
    os::unix::fs::PermissionsExt,
    time::{Duration, Instant},
};

use crate::harness::{Collector, Directory, Reply, event, run};

/// One line on standard error, nothing on standard output, exit code 2.
fn refused(arguments: &[&str], named: &[&str]) {
    let (code, out, said) = run(arguments);
    assert_eq!((code, out.as_str(), said.lines().count()), (Some(2), "", 1), "{arguments:?}: {said}");
    for text in named {
        assert!(said.contains(text), "{arguments:?}: {said}");
    }
}

#[test]
fn help_and_version_are_printed() {
    let (code, out, said) = run(&["--help"]);
    assert_eq!((code, said.as_str()), (Some(0), ""));
    for option in ["--listen", "--data", "127.0.0.1:9500", "./moesif-data", "--version"] {
        assert!(out.contains(option), "{option}");
    }
    let (code, out, _) = run(&["-V"]);
    assert_eq!(
        (code, out.as_str()),
        (Some(0), concat!("moesif-collector ", env!("CARGO_PKG_VERSION"), "\n"))
    );
}

#[test]
fn a_bad_option_is_named() {
    refused(&["--lisen", "x"], &["--lisen", "--help"]);
    refused(&["--listen", "nowhere"], &["nowhere", "127.0.0.1:9500"]);
    refused(&["--listen"], &["--listen"]);
    refused(&["somewhere"], &["somewhere", "--data"]);
}

#[test]
fn a_port_in_use_is_named() {
    let directory = Directory::new();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let data = directory.data();
    refused(&["--listen", &address, "--data", data.to_str().unwrap()], &[&address, "in use", "--listen"]);
    assert!(!data.exists(), "a directory was left behind");
}

#[test]
fn a_data_directory_that_cannot_be_one_is_named() {
    let directory = Directory::new();
    let file = directory.path().join("file");
    fs::write(&file, "").unwrap();
    for path in [file.clone(), file.join("below")] {
        let path = path.to_str().unwrap();
        refused(&["--listen", "127.0.0.1:0", "--data", path], &[path, "--data"]);
    }
}

#[test]
fn a_second_collector_on_the_same_data_is_refused() {
    let directory = Directory::new();
    let first = Collector::start(&directory);
    let data = directory.data();
    let data = data.to_str().unwrap();
    refused(&["--listen", "127.0.0.1:0", "--data", data], &[data, "another collector"]);
    first.kill_9();
    Collector::start(&directory);
}

#[test]
fn captured_traffic_is_its_owners_only() {
    let directory = Directory::new();
    let collector = Collector::start(&directory);
    let mode = |path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(directory.data()), 0o700);
    drop(collector);

    let directory = Directory::new();
    fs::create_dir(directory.data()).unwrap();
    fs::set_permissions(directory.data(), fs::Permissions::from_mode(0o755)).unwrap();
    let collector = Collector::start(&directory);
    collector.keep("/v1/events", &event("t-1"));
    for name in ["collector.db", "collector.db-wal", "collector.db-shm", "collector.lock"] {
        assert_eq!(mode(directory.data().join(name)), 0o600, "{name}");
    }
}

#[test]
fn a_signal_ends_it_with_everything_stored() {
    for signal in ["TERM", "INT"] {
        let directory = Directory::new();
        let mut collector = Collector::start(&directory);
        collector.keep("/v1/events", &event("t-1"));
        collector.signal(signal);
        assert_eq!(collector.wait().code(), Some(0), "{signal}");
        assert_eq!(collector.stderr(), "");
        drop(collector);
        let collector = Collector::start(&directory);
        assert_eq!(collector.all_events("").len(), 1);
    }
}

#[test]
fn nobody_reading_standard_error_does_not_stop_the_collector() {
    let directory = Directory::new();
    let collector = Collector::unheard(&directory);
    fs::write(directory.data().join("config.json"), "{").unwrap();
    collector.keep("/v1/events", &event("t-1"));

    let database = rusqlite::Connection::open(directory.data().join("collector.db")).unwrap();
    database.execute_batch("ALTER TABLE blocks RENAME TO hidden").unwrap();
    let refused = collector.post("/v1/events", event("t-2").to_string());
    assert_eq!((refused.status, refused.header("retry-after")), (503, Some("1")));
    database.execute_batch("ALTER TABLE hidden RENAME TO blocks").unwrap();
    collector.keep("/v1/events", &event("t-2"));
    assert_eq!(collector.all_events("").len(), 2);
}

#[test]
fn a_stopped_collector_leaves_everything_in_one_file() {
    let directory = Directory::new();
    let mut collector = Collector::start(&directory);
    for n in 0..50 {
        collector.keep("/v1/events", &event(format!("t-{n}")));
    }
    assert_eq!(collector.all_events("").len(), 50);
    collector.signal("TERM");
    assert_eq!(collector.wait().code(), Some(0));
    let log = directory.data().join("collector.db-wal");
    assert_eq!(fs::metadata(log).map_or(0, |log| log.len()), 0);
    let copy = directory.path().join("copy.db");
    fs::copy(directory.data().join("collector.db"), &copy).unwrap();
    let database = rusqlite::Connection::open(copy).unwrap();
    let events: i64 = database.query_row("SELECT count(*) FROM events", [], |row| row.get(0)).unwrap();
    assert_eq!(events, 50);
}

#[test]
fn a_request_under_way_is_finished_and_a_stuck_one_does_not_hold_the_end() {
    let directory = Directory::new();
    let mut collector = Collector::start(&directory);
    let body = event("t-1").to_string();
    let head = format!(
        "POST /v1/events HTTP/1.1\r\nHost: x\r\nX-Moesif-Application-Id: a\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    let mut stuck = collector.connect();
    stuck.write_all(head.as_bytes()).unwrap();
    let mut slow = collector.connect();
    slow.write_all(head.as_bytes()).unwrap();
    // A later connection that was answered: both above have been accepted.
    assert_eq!(collector.get("/health/probe").status, 200);
    let asked = Instant::now();
    collector.signal("TERM");
    slow.write_all(body.as_bytes()).unwrap();
    assert_eq!(Reply::read(&mut slow).status, 201);
    assert_eq!(collector.wait().code(), Some(0));
    assert!(asked.elapsed() < Duration::from_secs(10), "{:?}", asked.elapsed());
    drop(collector);
    let collector = Collector::start(&directory);
    assert_eq!(collector.all_events("").len(), 1);
}

#[test]
fn more_connections_than_there_are_places_for_wait_and_are_served() {
    let directory = Directory::new();
    let collector = Collector::start(&directory);
    let idle: Vec<_> = (0..900).map(|_| collector.connect()).collect();
    let mut waiting = collector.connect();
    waiting.write_all(b"GET /health/probe HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").unwrap();
    waiting.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
    let early = std::io::Read::read(&mut waiting, &mut [0]);
    assert!(early.is_err(), "served beyond the cap");
    drop(idle);
    waiting.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    assert_eq!(Reply::read(&mut waiting).status, 200);
}
