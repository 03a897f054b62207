//! The process: start, start errors and shutdown.

use std::{
    fs,
    io::Write,
    net::TcpListener,
    os::unix::fs::PermissionsExt,
    time::{Duration, Instant},
};

use crate::harness::{Collector, Directory, Ended, Reply, assert_start_fails, event, run};

#[test]
fn help_and_version_are_printed() {
    let Ended { code, stdout, stderr } = run(&["--help"]);
    assert_eq!((code, stderr.as_str()), (Some(0), ""));
    for option in ["--listen", "--data", "127.0.0.1:9500", "./moesif-data", "--version"] {
        assert!(stdout.contains(option), "{option}");
    }
    let Ended { code, stdout, .. } = run(&["-V"]);
    assert_eq!(
        (code, stdout.as_str()),
        (Some(0), concat!("moesif-collector ", env!("CARGO_PKG_VERSION"), "\n"))
    );
}

#[test]
fn error_names_the_invalid_option() {
    assert_start_fails(&["--lisen", "x"], &["--lisen", "--help"]);
    assert_start_fails(&["--listen", "nowhere"], &["nowhere", "127.0.0.1:9500"]);
    assert_start_fails(&["--listen"], &["--listen"]);
    assert_start_fails(&["somewhere"], &["somewhere", "--data"]);
}

#[test]
fn error_names_the_port_in_use() {
    let directory = Directory::new();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let data = directory.data();
    assert_start_fails(
        &["--listen", &address, "--data", data.to_str().unwrap()],
        &[&address, "in use", "--listen"],
    );
    assert!(!data.exists(), "the data directory was created");
}

#[test]
fn error_names_the_unusable_data_directory() {
    let directory = Directory::new();
    let file = directory.path().join("file");
    fs::write(&file, "").unwrap();
    for path in [file.clone(), file.join("below")] {
        let path = path.to_str().unwrap();
        assert_start_fails(&["--listen", "127.0.0.1:0", "--data", path], &[path, "--data"]);
    }
}

#[test]
fn second_collector_on_the_same_data_cannot_start() {
    let directory = Directory::new();
    let first = Collector::start(&directory);
    let data = directory.data();
    let data = data.to_str().unwrap();
    assert_start_fails(&["--listen", "127.0.0.1:0", "--data", data], &[data, "another collector"]);
    first.kill_9();
    Collector::start(&directory);
}

#[test]
fn only_the_owner_can_read_the_data_directory() {
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
fn signal_stops_the_collector_with_everything_stored() {
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
fn closed_standard_error_does_not_stop_the_collector() {
    let directory = Directory::new();
    let collector = Collector::with_closed_stderr(&directory);
    fs::write(directory.data().join("config.json"), "{").unwrap();
    collector.keep("/v1/events", &event("t-1"));

    let database = rusqlite::Connection::open(directory.data().join("collector.db")).unwrap();
    database.execute_batch("ALTER TABLE blocks RENAME TO hidden").unwrap();
    let reply = collector.post("/v1/events", event("t-2").to_string());
    assert_eq!((reply.status, reply.header("retry-after")), (503, Some("1")));
    database.execute_batch("ALTER TABLE hidden RENAME TO blocks").unwrap();
    collector.keep("/v1/events", &event("t-2"));
    assert_eq!(collector.all_events("").len(), 2);
}

#[test]
fn stopped_collector_leaves_everything_in_one_file() {
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
fn shutdown_finishes_running_requests_but_does_not_wait_for_stuck_ones() {
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
    // The reply on a later connection shows that both have been accepted.
    assert_eq!(collector.get("/health/probe").status, 200);
    let signalled = Instant::now();
    collector.signal("TERM");
    slow.write_all(body.as_bytes()).unwrap();
    assert_eq!(Reply::read(&mut slow).status, 201);
    assert_eq!(collector.wait().code(), Some(0));
    assert!(signalled.elapsed() < Duration::from_secs(10), "{:?}", signalled.elapsed());
    drop(collector);
    let collector = Collector::start(&directory);
    assert_eq!(collector.all_events("").len(), 1);
}

#[test]
fn connections_over_the_limit_wait_and_are_served() {
    let directory = Directory::new();
    let collector = Collector::start(&directory);
    let idle: Vec<_> = (0..900).map(|_| collector.connect()).collect();
    let mut waiting = collector.connect();
    waiting.write_all(b"GET /health/probe HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").unwrap();
    waiting.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
    let early = std::io::Read::read(&mut waiting, &mut [0]);
    assert!(early.is_err(), "served above the limit");
    drop(idle);
    waiting.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    assert_eq!(Reply::read(&mut waiting).status, 200);
}
