"""Runs everything once and compares what was captured with what was called: `make demo`.

Starts the collector on a temporary directory, and examples/flask under gunicorn with two workers. Makes calls over
HTTP, waits until the collector has them, prints what it has, and compares. If something differs, it prints the
differences and exits with status 1. Without --oneshot everything keeps running until Ctrl-C or SIGTERM.
"""

from __future__ import annotations

import argparse
import base64
import gzip
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parent.parent
COLLECTOR = ROOT / "target" / "release" / "moesif-collector"
DELIVERY_DEADLINE = 20.0


@dataclass
class Call:
    """One call, and the event that it must leave in the collector."""

    name: str
    verb: str
    path: str
    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes | None = None
    user: str | None = None
    company: str | None = None
    session: str | None = None
    #: The recorded bodies: JSON values, or base64 text. `...` if the content is not known beforehand.
    request_body: Any = None
    response_body: Any = ...
    least_duration_ms: int = 0
    is_recorded: bool = True
    #: The X-Moesif-Transaction-Id of the response.
    transaction_id: str | None = None


def base64_text(content: bytes) -> str:
    return base64.b64encode(content).decode()


def bearer(subject: str) -> str:
    """Returns a token that contains characters only base64url has."""
    parts = ({"alg": "none"}, {"sub": subject, "name": "Zoë ???>>>"})
    encoded = (base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts)
    return f"Bearer {'.'.join(encoded)}.signature"


BINARY = b"\x89PNG\r\n\x1a\n" + bytes(range(256))
JSON = {"Content-Type": "application/json"}
CALLS = [
    Call(
        "JSON",
        "POST",
        "/items?source=demo",
        201,
        JSON | {"X-User-Id": "ann", "X-Company-Id": "acme", "Cookie": "session=s-1"},
        b'{"name": "lamp", "price": 12.50}',
        user="ann",
        company="acme",
        session="s-1",
        request_body={"name": "lamp", "price": 12.5},
        response_body={"id": 1, "name": "lamp", "price": 12.5},
    ),
    Call("not found", "GET", "/items/999", 404),
    Call("binary", "GET", "/logo.png", 200, response_body=base64_text(BINARY)),
    Call(
        "gzip both ways",
        "POST",
        "/report",
        200,
        JSON | {"Content-Encoding": "gzip"},
        gzip.compress(b'{"rows": [1, 2, 3]}'),
        request_body={"rows": [1, 2, 3]},
        response_body={"rows": 3},
    ),
    Call(
        "streamed",
        "GET",
        "/stream",
        200,
        response_body=base64_text(b"line 0\nline 1\nline 2\n"),
        least_duration_ms=300,
    ),
    Call(
        "bearer",
        "GET",
        "/me",
        200,
        {"Authorization": bearer("bob")},
        user="bob",
        response_body={"seen": True},
    ),
    Call(
        "basic",
        "GET",
        "/me",
        200,
        {"Authorization": f"Basic {base64_text(b'carol:secret')}"},
        user="carol",
        response_body={"seen": True},
    ),
    Call("application error", "GET", "/boom", 500),
    Call("skipped", "GET", "/health/probe", 200, is_recorded=False),
]


@contextmanager
def running(name: str, command: list[str | Path], **options: Any) -> Iterator[subprocess.Popen[str]]:
    """Runs a program until the block ends. Then sends SIGTERM, and SIGKILL after 10 seconds."""
    try:
        process = subprocess.Popen(command, text=True, **options)
    except FileNotFoundError:
        sys.exit(f"{name}: {command[0]} is not there: run `make build`")
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@contextmanager
def collector(directory: str) -> Iterator[str]:
    """Starts the collector on a free port; yields its address."""
    command: list[str | Path] = [COLLECTOR, "--listen", "127.0.0.1:0", "--data", directory]
    with running("the collector", command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        first_line = process.stdout.readline()
        prefix = "listening on http://"
        if not first_line.startswith(prefix):
            sys.exit("the collector did not start; its error message is above")
        yield first_line.removeprefix(prefix).strip()


@contextmanager
def application(collector_address: str, log: IO[str]) -> Iterator[str]:
    """Starts the example under gunicorn with two workers, logging to `log`. Yields its address."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        environment = os.environ | {
            "MOESIF_BASE_URI": f"http://{collector_address}",
            "MOESIF_APPLICATION_ID": "demo",
        }
        command: list[str | Path] = [
            sys.executable,
            "-m",
            "gunicorn",
            "--chdir",
            ROOT,
            "--workers",
            "2",
            "--bind",
            f"fd://{listener.fileno()}",
            "--log-level",
            "critical",
            "examples.flask.app:app",
        ]
        with running("gunicorn", command, env=environment, pass_fds=[listener.fileno()], stderr=log):
            yield f"127.0.0.1:{port}"


def request(address: str, call: Call) -> tuple[int, bytes, float]:
    """Makes the call and keeps its transaction id.

    Returns status, body, and the seconds between the first byte and the end.
    """
    connection = http.client.HTTPConnection(address, timeout=30)
    try:
        connection.request(call.verb, call.path, call.body, call.headers)
        response = connection.getresponse()
        first = response.read(1)
        first_at = time.monotonic()
        rest = response.read()
        call.transaction_id = response.headers["X-Moesif-Transaction-Id"]
        return response.status, first + rest, time.monotonic() - first_at
    finally:
        connection.close()


def fetch(address: str, path: str) -> Any:
    connection = http.client.HTTPConnection(address, timeout=10)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        body = response.read()
        if response.status != http.HTTPStatus.OK:
            sys.exit(f"the collector answered {response.status} to GET {path}: {body.decode(errors='replace')}")
        return json.loads(body)
    finally:
        connection.close()


def make_calls(address: str) -> list[str]:
    """Makes every call and returns the answers that are wrong."""
    differences = []
    for call in CALLS:
        status, body, after_first_byte = request(address, call)
        if status != call.status:
            differences.append(f"{call.name}: answered {status}, expected {call.status}: {body[:200]!r}")
        if call.least_duration_ms and after_first_byte < call.least_duration_ms / 2000:
            differences.append(f"{call.name}: the first byte came only {after_first_byte:.3f} s before the last one")
    return differences


def wait_for_events(address: str, count: int) -> list[dict[str, Any]]:
    """Waits until the collector has that many events. Returns them complete, oldest first."""
    deadline = time.monotonic() + DELIVERY_DEADLINE
    while True:
        listed = fetch(address, "/api/events?limit=1000")["events"]
        if len(listed) >= count or time.monotonic() > deadline:
            break
        time.sleep(0.05)
    return [row | {"whole": fetch(address, f"/api/events/{row['id']}")} for row in reversed(listed)]


def compare(call: Call, event: dict[str, Any]) -> Iterator[str]:
    """Yields the differences between an event and its call."""
    whole = event["whole"]
    request_, response = whole["request"], whole["response"]
    expected = [
        ("verb", event["verb"], call.verb),
        ("path and query", request_["uri"].split("/", 3)[3], call.path[1:]),
        ("status", event["status"], call.status),
        ("user", event["user_id"], call.user),
        ("company", event["company_id"], call.company),
        ("session", whole.get("session_token"), call.session),
        ("direction", event["direction"], "Incoming"),
        ("address", request_.get("ip_address"), "127.0.0.1"),
        ("datacenter", (whole.get("metadata") or {}).get("datacenter"), "westus"),
        ("request body", request_.get("body"), call.request_body),
        ("request size", request_.get("content_length", 0), len(call.body or b"")),
    ]
    if call.response_body is not ...:
        expected.append(("response body", response.get("body"), call.response_body))
    for what, found, wanted in expected:
        if found != wanted:
            yield f"{call.name}: {what} is {found!r}, expected {wanted!r}"
    if event["duration_ms"] < call.least_duration_ms:
        yield f"{call.name}: took {event['duration_ms']} ms, expected at least {call.least_duration_ms}"


def show(events: list[dict[str, Any]]) -> None:
    """Prints the events as a table."""
    titles = ("time", "verb", "path", "status", "user", "company", "ms", "bytes in", "bytes out")
    rows = [
        (
            event["time"][11:23],
            event["verb"],
            "/" + event["uri"].split("/", 3)[3],
            str(event["status"]),
            event["user_id"] or "-",
            event["company_id"] or "-",
            str(event["duration_ms"]),
            str(event["request_bytes"] or 0),
            str(event["response_bytes"] or 0),
        )
        for event in events
    ]
    widths = [max(len(row[column]) for row in (titles, *rows)) for column in range(len(titles))]
    for row in (titles, tuple("-" * width for width in widths), *rows):
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def end_by_signals() -> None:
    """Makes SIGTERM and SIGHUP end the demo like Ctrl-C: its programs are stopped and its directory is removed."""
    signals = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

    def end(number: int, _frame: object) -> None:
        # `make` and a process manager may both send the signal. The second one must not interrupt the end.
        for each in signals:
            signal.signal(each, signal.SIG_IGN)
        if number == signal.SIGINT:
            raise KeyboardInterrupt
        sys.exit(128 + number)

    for each in signals:
        signal.signal(each, end)


def run() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--oneshot", action="store_true", help="end after the comparison")
    arguments = parser.parse_args()
    end_by_signals()
    with ExitStack() as stack:
        directory = stack.enter_context(tempfile.TemporaryDirectory(prefix="moesif-demo-"))
        collector_address = stack.enter_context(collector(directory))
        log = stack.enter_context((Path(directory) / "gunicorn.log").open("w+"))
        application_address = stack.enter_context(application(collector_address, log))
        print(f"collector    http://{collector_address}/\napplication  http://{application_address}/\n")
        differences = make_calls(application_address)
        recorded = [call for call in CALLS if call.is_recorded]
        events = wait_for_events(collector_address, len(recorded))
        show(events)
        if len(events) != len(recorded):
            differences.append(f"the collector has {len(events)} events of {len(recorded)} calls")
        by_transaction = {event["transaction_id"]: event for event in events}
        for call in recorded:
            event = by_transaction.get(call.transaction_id)
            differences.extend(compare(call, event) if event else [f"{call.name}: not captured"])
        print()
        if differences:
            print("The captured events differ from the calls:", *differences, sep="\n  ")
            log.seek(0)
            print(f"\nLog of the application:\n{log.read()}")
            return 1
        print(f"{len(recorded)} calls made, {len(events)} captured, and each event matches its call.")
        if not arguments.oneshot:
            try:
                print(f"Everything keeps running: open http://{collector_address}/. Ctrl-C stops it.")
                signal.pause()
            except KeyboardInterrupt:
                print()
        return 0


if __name__ == "__main__":
    try:
        sys.exit(run())
    except KeyboardInterrupt:
        sys.exit(128 + signal.SIGINT)
