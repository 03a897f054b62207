//! Durability: an event answered with 201 is stored once and can be read.

use std::{collections::HashSet, io::Write, sync::Mutex, thread};

use serde_json::{Value, json};

use crate::harness::{Collector, Directory, assert_start_fails, event};

#[test]
fn events_survive_kill_9_after_201() {
    let directory = Directory::new();
    let collector = Collector::start(&directory);
    let answered = Mutex::new(HashSet::new());
    let address = collector.address.clone();
    thread::scope(|scope| {
        for sender in 0..4 {
            let (answered, address) = (&answered, &address);
            scope.spawn(move || {
                for batch in 0.. {
                    let ids: Vec<String> = (0..10).map(|n| format!("{sender}-{batch}-{n}")).collect();
                    let events: Vec<Value> = ids.iter().map(|id| event(id.as_str())).collect();
                    if !try_post(address, &json!(events).to_string()) {
                        return;
                    }
                    answered.lock().unwrap().extend(ids);
                }
            });
        }
        crate::harness::until("400 events answered", || answered.lock().unwrap().len() >= 400);
        collector.kill_9();
    });
    let collector = Collector::start(&directory);
    let kept: HashSet<String> = collector
        .all_events("limit=1000")
        .iter()
        .map(|row| {
            let whole = collector.read(&format!("/api/events/{}", row["id"]));
            assert_eq!(whole["transaction_id"], row["transaction_id"]);
            assert_eq!(whole["response"]["body"], json!({"items": [1, 2]}));
            whole["transaction_id"].as_str().unwrap().to_owned()
        })
        .collect();
    let answered = answered.into_inner().unwrap();
    let lost: Vec<_> = answered.difference(&kept).collect();
    assert!(lost.is_empty(), "lost after a 201: {lost:?}");
}

/// Posts a batch. Returns false if the reply is not 201 or the collector is gone.
fn try_post(address: &str, body: &str) -> bool {
    use std::io::Read;
    let Ok(mut stream) = std::net::TcpStream::connect(address) else {
        return false;
    };
    let head = format!(
        "POST /v1/events/batch HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX-Moesif-Application-Id: a\r\n\
         Content-Length: {}\r\n\r\n",
        body.len()
    );
    let mut reply = String::new();
    let _cut_off = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body.as_bytes()));
    let _cut_off = stream.read_to_string(&mut reply);
    reply.starts_with("HTTP/1.1 201")
}

#[test]
fn transaction_is_stored_once_per_application_id() {
    let directory = Directory::new();
    let collector = Collector::start(&directory);
    let post = |application: &str, events: &[Value]| {
        let call = collector.call("POST", "/v1/events/batch").application(application);
        let reply = call.body(json!(events).to_string()).send();
        assert_eq!((reply.status, reply.text().as_str()), (201, "{}"));
    };
    post("one", &[event("t-1"), event("t-2"), event("t-1")]);
    post("one", &[event("t-2"), event("t-3")]);
    assert_eq!(collector.all_events("").len(), 3);
    post("two", &[event("t-1")]);
    assert_eq!(collector.all_events("").len(), 4);
    post("one", &[event(Value::Null), event(Value::Null), event(""), event("")]);
    assert_eq!(collector.all_events("").len(), 8);
    let stats = collector.read("/api/stats");
    assert_eq!((&stats["events"], &stats["duplicates"]), (&json!(8), &json!(2)));

    let action = json!({"action_name": "a", "request": {"uri": "https://h/"}, "transaction_id": "t-1"});
    collector.keep("/v1/actions/batch", &json!([action, action]));
    collector.keep("/v1/actions", &action);
    assert_eq!(collector.read("/api/actions")["actions"].as_array().unwrap().len(), 1);
}

#[test]
fn duplicate_after_a_restart_is_not_stored() {
    let directory = Directory::new();
    let collector = Collector::start(&directory);
    collector.keep("/v1/events", &event("t-1"));
    collector.kill_9();
    let collector = Collector::start(&directory);
    collector.keep("/v1/events", &event("t-1"));
    let stats = collector.read("/api/stats");
    assert_eq!((&stats["events"], &stats["duplicates"]), (&json!(1), &json!(1)));
}

#[test]
fn concurrent_senders_lose_nothing() {
    let directory = Directory::new();
    let collector = Collector::start(&directory);
    thread::scope(|scope| {
        for sender in 0..8 {
            let collector = &collector;
            scope.spawn(move || {
                for batch in 0..10 {
                    let events: Vec<Value> =
                        (0..20).map(|n| event(format!("{sender}-{batch}-{n}").as_str())).collect();
                    collector.keep("/v1/events/batch", &json!(events));
                }
            });
        }
    });
    let ids: HashSet<String> =
        collector.all_events("limit=777").iter().map(|row| row["transaction_id"].to_string()).collect();
    assert_eq!(ids.len(), 1600);
    assert_eq!(collector.read("/api/stats")["events"], 1600);
}

#[test]
fn event_larger_than_a_block_can_be_read() {
    let directory = Directory::new();
    let collector = Collector::start(&directory);
    let event_of = |n: usize| {
        let mut one = event(format!("t-{n}").as_str());
        one["response"]["body"] = json!("z".repeat(n));
        one
    };
    let sizes = [10, 400_000, 10, 250_000, 20_000, 1];
    let batch: Vec<Value> = sizes.iter().enumerate().map(|(n, size)| event_of(size + n)).collect();
    collector.keep("/v1/events/batch", &json!(batch));
    for row in collector.all_events("") {
        let whole = collector.read(&format!("/api/events/{}", row["id"]));
        let size = whole["response"]["body"].as_str().unwrap().len();
        assert_eq!(row["transaction_id"], format!("t-{size}"));
        assert_eq!(row["response_bytes"], size + 2);
    }
}

#[test]
fn database_of_a_newer_version_or_another_program_is_not_opened() {
    let directory = Directory::new();
    let data = directory.data();
    let path = data.join("collector.db");
    Collector::start(&directory).kill_9();
    let database = rusqlite::Connection::open(&path).unwrap();
    database.pragma_update(None, "user_version", 99).unwrap();
    drop(database);
    let name = path.to_str().unwrap();
    let assert_not_opened = |message: &str| {
        let arguments = ["--listen", "127.0.0.1:0", "--data", data.to_str().unwrap()];
        assert_start_fails(&arguments, &[name, message]);
    };
    assert_not_opened("99");
    assert_not_opened("newer");
    let database = rusqlite::Connection::open(&path).unwrap();
    let version: i64 = database.query_row("PRAGMA user_version", [], |row| row.get(0)).unwrap();
    assert_eq!(version, 99, "the newer database was changed");
    drop(database);
    let remove_database = || {
        for suffix in ["", "-wal", "-shm"] {
            let _absent = std::fs::remove_file(data.join(format!("collector.db{suffix}")));
        }
    };
    let change = |statements| rusqlite::Connection::open(&path).unwrap().execute_batch(statements).unwrap();

    // A table is missing.
    remove_database();
    Collector::start(&directory).kill_9();
    change("DROP TABLE counters");
    assert_not_opened("counters");

    // Databases of other programs.
    for statements in [
        "PRAGMA user_version = 1",
        "CREATE TABLE x (y); PRAGMA user_version = 5",
        "CREATE TABLE other_program (x)",
    ] {
        remove_database();
        change(statements);
        assert_not_opened("not a database of this collector");
    }

    // No database.
    remove_database();
    std::fs::write(&path, "not a database, but longer than a header: ".repeat(100)).unwrap();
    assert_not_opened("not a database");
}

/// If the tests run as root, the collector runs as another user, because root may write every file.
#[test]
fn read_only_database_or_directory_is_an_error() {
    use std::{
        env, fs,
        os::unix::{
            fs::{MetadataExt, PermissionsExt, chown},
            process::CommandExt,
        },
        process::Command,
    };
    const NOBODY: u32 = 65_534;
    let directory = env::temp_dir().join(format!("moesif-collector-unwritable-{}", std::process::id()));
    let data = directory.join("data");
    fs::create_dir_all(&data).unwrap();
    let mode =
        |path: &std::path::Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    mode(&directory, 0o755);
    let binary = directory.join("collector");
    fs::copy(env!("CARGO_BIN_EXE_moesif-collector"), &binary).unwrap();
    let is_root = fs::metadata(&data).unwrap().uid() == 0;
    let assert_start_fails = |text: &str| {
        let mut command = Command::new(&binary);
        command.args(["--listen", "127.0.0.1:0", "--data"]).arg(&data);
        if is_root {
            command.uid(NOBODY).gid(NOBODY);
        }
        let output = command.output().unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!((output.status.code(), stderr.lines().count()), (Some(2), 1), "{stderr}");
        assert!(stderr.contains(text) && stderr.contains("--data"), "{stderr}");
    };
    let database = data.join("collector.db");
    rusqlite::Connection::open(&database)
        .unwrap()
        .execute_batch("PRAGMA application_id = 1299146099; PRAGMA user_version = 1; CREATE TABLE x (y)")
        .unwrap();
    if is_root {
        chown(&data, Some(NOBODY), None).unwrap();
    }
    mode(&data, 0o755);
    mode(&database, 0o444);
    assert_start_fails("collector.db` cannot be written");
    fs::remove_dir_all(&data).unwrap();
    fs::create_dir(&data).unwrap();
    mode(&data, 0o555);
    assert_start_fails(data.to_str().unwrap());
    mode(&data, 0o755);
    fs::remove_dir_all(directory).unwrap();
}
