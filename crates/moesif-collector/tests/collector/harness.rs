//! Starts collectors and sends requests to them. Has its own HTTP client, so that tests can send malformed
//! requests.

use std::{
    fs::{self, File},
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::atomic::{AtomicU32, Ordering},
    time::{Duration, Instant},
};

use flate2::{
    Compression,
    write::{DeflateEncoder, GzEncoder, ZlibEncoder},
};
use serde_json::{Value, json};

const BINARY: &str = env!("CARGO_BIN_EXE_moesif-collector");
const TIMEOUT: Duration = Duration::from_secs(60);
pub(crate) const MIB: usize = 1024 * 1024;

/// A directory for one test, removed at its end.
pub(crate) struct Directory(PathBuf);

impl Directory {
    pub(crate) fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.0.join("data")
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _failed = fs::remove_dir_all(&self.0);
    }
}

/// A running collector, killed at the end of the test.
pub(crate) struct Collector {
    child: Child,
    pub(crate) address: String,
    stderr: PathBuf,
}

impl Drop for Collector {
    fn drop(&mut self) {
        let _already_ended = self.child.kill();
        let _already_waited = self.child.wait();
    }
}

impl Collector {
    /// Starts a collector on a free loopback port, with the data directory of `directory`.
    pub(crate) fn start(directory: &Directory) -> Self {
        Self::listening(directory, "127.0.0.1:0")
    }

    pub(crate) fn listening(directory: &Directory, listen: &str) -> Self {
        let stderr = File::create(directory.path().join("stderr")).unwrap();
        Self::spawn(directory, listen, stderr.into())
    }

    /// Starts a collector that cannot write to standard error.
    pub(crate) fn with_closed_stderr(directory: &Directory) -> Self {
        let mut collector = Self::spawn(directory, "127.0.0.1:0", Stdio::piped());
        drop(collector.child.stderr.take());
        collector
    }

    fn spawn(directory: &Directory, listen: &str, standard_error: Stdio) -> Self {
        let stderr = directory.path().join("stderr");
        let mut child = Command::new(BINARY)
            .args(["--listen", listen, "--data"])
            .arg(directory.data())
            .stdout(Stdio::piped())
            .stderr(standard_error)
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let errors = || fs::read_to_string(&stderr).unwrap_or_default();
        let address = line
            .strip_prefix("listening on http://")
            .unwrap_or_else(|| panic!("first line was {line:?}, standard error {:?}", errors()))
            .trim_end()
            .to_owned();
        Self { child, address, stderr }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn stderr(&self) -> String {
        fs::read_to_string(&self.stderr).unwrap()
    }

    /// Kills the process. The operating system still writes its data to the disk. So this does not show that
    /// a commit waits for the disk; a unit test of the store checks `PRAGMA synchronous`.
    pub(crate) fn kill_9(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    pub(crate) fn signal(&self, name: &str) {
        let pid = self.pid().to_string();
        assert!(Command::new("kill").args(["-s", name, &pid]).status().unwrap().success());
    }

    pub(crate) fn wait(&mut self) -> ExitStatus {
        let deadline = Instant::now() + TIMEOUT;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(Instant::now() < deadline, "the collector has not ended");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    pub(crate) fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(&self.address).unwrap();
        stream.set_read_timeout(Some(TIMEOUT)).unwrap();
        stream
    }

    /// Begins a call with the Host header that a browser would send.
    pub(crate) fn call(&self, method: &str, path: &str) -> Call<'_> {
        let head = format!("{method} {path} HTTP/1.1\r\nConnection: close\r\n");
        Call { collector: self, head, host: self.address.clone(), body: Vec::new() }
    }

    pub(crate) fn get(&self, path: &str) -> Reply {
        self.call("GET", path).send()
    }

    /// Returns the JSON at a path. The status must be 200.
    pub(crate) fn read(&self, path: &str) -> Value {
        let reply = self.get(path);
        assert_eq!(reply.status, 200, "{path}: {}", reply.text());
        reply.json()
    }

    pub(crate) fn post(&self, path: &str, body: impl AsRef<[u8]>) -> Reply {
        self.call("POST", path).application("app-1").body(body).send()
    }

    /// Posts a document. Every element must be kept.
    pub(crate) fn keep(&self, path: &str, body: &Value) {
        let reply = self.post(path, body.to_string());
        assert_eq!((reply.status, reply.text().as_str()), (201, "{}"), "{path} {body}");
    }

    /// Returns all events, read page by page.
    pub(crate) fn all_events(&self, query: &str) -> Vec<Value> {
        let mut events = Vec::new();
        let mut path = format!("/api/events?{query}");
        loop {
            let page = self.read(&path);
            events.extend(page["events"].as_array().unwrap().iter().cloned());
            match page["next"].as_str() {
                Some(next) => path = format!("/api/events?{query}&cursor={next}"),
                None => return events,
            }
        }
    }

    /// Returns the JSON text of the newest event.
    pub(crate) fn newest(&self) -> String {
        let id = self.read("/api/events?limit=1")["events"][0]["id"].clone();
        self.get(&format!("/api/events/{id}")).text()
    }
}

/// A request under construction.
pub(crate) struct Call<'c> {
    collector: &'c Collector,
    head: String,
    host: String,
    body: Vec<u8>,
}

impl Call<'_> {
    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        for part in [name, ": ", value, "\r\n"] {
            self.head.push_str(part);
        }
        self
    }

    pub(crate) fn application(self, id: &str) -> Self {
        self.header("X-Moesif-Application-Id", id)
    }

    pub(crate) fn host(mut self, host: &str) -> Self {
        host.clone_into(&mut self.host);
        self
    }

    pub(crate) fn body(mut self, body: impl AsRef<[u8]>) -> Self {
        self.body = body.as_ref().to_vec();
        self
    }

    pub(crate) fn send(self) -> Reply {
        let mut stream = self.collector.connect();
        let length = self.body.len();
        let head = format!("{}Host: {}\r\nContent-Length: {length}\r\n\r\n", self.head, self.host);
        stream.write_all(head.as_bytes()).unwrap();
        stream.write_all(&self.body).unwrap();
        Reply::read(&mut stream)
    }

    /// Sends the body in chunks of 1 MiB, without a Content-Length.
    pub(crate) fn send_chunked(self) -> Reply {
        let mut stream = self.collector.connect();
        let head = format!("{}Host: {}\r\nTransfer-Encoding: chunked\r\n\r\n", self.head, self.host);
        stream.write_all(head.as_bytes()).unwrap();
        for chunk in self.body.chunks(MIB) {
            write!(stream, "{:x}\r\n", chunk.len()).unwrap();
            stream.write_all(chunk).unwrap();
            stream.write_all(b"\r\n").unwrap();
        }
        stream.write_all(b"0\r\n\r\n").unwrap();
        Reply::read(&mut stream)
    }

    /// Sends a head with a Content-Length of `length`, and no body.
    pub(crate) fn send_only_head(self, length: u64) -> Reply {
        let mut stream = self.collector.connect();
        let head = format!("{}Host: {}\r\nContent-Length: {length}\r\n\r\n", self.head, self.host);
        stream.write_all(head.as_bytes()).unwrap();
        Reply::read(&mut stream)
    }
}

/// A reply, read to the end of the connection.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Reply {
    pub(crate) fn read(stream: &mut TcpStream) -> Self {
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).unwrap();
        let end = bytes.windows(4).position(|window| window == b"\r\n\r\n").expect("a complete head");
        let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
        let mut lines = head.split("\r\n");
        let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
        let headers = lines
            .map(|line| line.split_once(": ").unwrap())
            .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
            .collect();
        Self { status, headers, body: bytes[end + 4..].to_vec() }
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(given, _)| given == name).map(|(_, value)| value.as_str())
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.body.clone()).unwrap()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    /// Returns the message of an error reply.
    pub(crate) fn error(&self) -> String {
        self.json()["error"].as_str().unwrap_or_else(|| panic!("no error in {}", self.text())).to_owned()
    }
}

/// Waits until a condition holds.
pub(crate) fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + TIMEOUT;
    while !holds() {
        assert!(Instant::now() < deadline, "timeout while waiting for: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// The result of a process that has ended.
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// Runs the binary. It must fail to start: exit code 2, nothing on standard output, and one line with `texts`
/// on standard error.
pub(crate) fn assert_start_fails(arguments: &[&str], texts: &[&str]) {
    let Ended { code, stdout, stderr } = run(arguments);
    assert_eq!((code, stdout.as_str(), stderr.lines().count()), (Some(2), "", 1), "{arguments:?}: {stderr}");
    for text in texts {
        assert!(stderr.contains(text), "{arguments:?}: {stderr}");
    }
}

/// Runs the binary to its end.
pub(crate) fn run(arguments: &[&str]) -> Ended {
    let output = Command::new(BINARY).args(arguments).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Ended { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
}

/// Returns an event with nulls, as the official Python SDK sends it.
pub(crate) fn event(transaction_id: impl Into<Value>) -> Value {
    json!({
        "request": {
            "time": "2026-11-21T08:51:26.838", "uri": "https://api.example.com/v1/items?page=2", "verb": "GET",
            "headers": {"Accept": "*/*"}, "api_version": null, "ip_address": "203.0.113.7", "body": null,
            "transfer_encoding": null
        },
        "response": {
            "time": "2026-11-21T08:51:26.880", "status": 200, "headers": {"Content-Type": "application/json"},
            "body": {"items": [1, 2]}, "ip_address": null, "transfer_encoding": "json"
        },
        "session_token": null, "tags": null, "user_id": "u-1", "company_id": "acme", "metadata": null,
        "direction": "Incoming", "weight": 1, "blocked_by": null, "transaction_id": transaction_id.into()
    })
}

pub(crate) fn gzip(bytes: impl AsRef<[u8]>) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes.as_ref()).unwrap();
    encoder.finish().unwrap()
}

pub(crate) fn zlib(bytes: impl AsRef<[u8]>) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes.as_ref()).unwrap();
    encoder.finish().unwrap()
}

pub(crate) fn raw_deflate(bytes: impl AsRef<[u8]>) -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes.as_ref()).unwrap();
    encoder.finish().unwrap()
}
