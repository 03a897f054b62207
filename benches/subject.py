"""Runs one subject of a benchmark in its own interpreter: a WSGI application, bare or behind a middleware.

Prints one JSON object. What it measures depends on the workload:

- `calls`: time of each call on the calling thread, CPU time of the process until everything is delivered, events.
- `rate`: events per second from the first call to the last batch, while one thread calls as fast as it can.
- `memory`: growth of the process during calls with 1 MB in and out, with a collector that never answers.
- `forks`: time of a fork until its child has ended.

Each call sends a 490-byte JSON document with a bearer token and receives a 1.2 KB one, as docs/architecture.md says.
"""

from __future__ import annotations

import argparse
import base64
import io
import json
import os
import sys
import time
import urllib.request
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

DELIVERY_DEADLINE = 120.0


def document(size: int) -> bytes:
    """Returns a JSON object of exactly this many bytes, with values that do not compress well."""
    fields: dict[str, Any] = {}
    number = 0
    while len(json.dumps(fields)) < size - 40:
        fields[f"field_{number}"] = f"{(number * 2654435761) % 2**32:08x}"
        number += 1
    fields["pad"] = ""
    fields["pad"] = "x" * (size - len(json.dumps(fields)))
    return json.dumps(fields).encode()


REQUEST = document(490)
RESPONSE = document(1200)
CLAIMS = b'{"sub": "user-1234", "name": "Jane Doe", "iat": 1516239022, "scope": "read write"}'
TOKEN = "Bearer eyJhbGciOiJIUzI1NiJ9." + base64.b64encode(CLAIMS).decode() + ".c2lnbmF0dXJl"


def application(environ: dict[str, Any], start_response: Callable[..., object]) -> list[bytes]:
    environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
    start_response(
        "200 OK",
        [
            ("Content-Type", "application/json"),
            ("Content-Length", str(len(RESPONSE))),
            ("Cache-Control", "no-store"),
            ("X-Request-Id", "7f3c1a"),
        ],
    )
    return [RESPONSE]


def environment() -> dict[str, Any]:
    """Returns the environ that gunicorn makes for such a request."""
    return {
        "REQUEST_METHOD": "POST",
        "SCRIPT_NAME": "",
        "PATH_INFO": "/v1/items",
        "QUERY_STRING": "page=2&order=desc",
        "RAW_URI": "/v1/items?page=2&order=desc",
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": "8000",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "SERVER_SOFTWARE": "gunicorn",
        "REMOTE_ADDR": "127.0.0.1",
        "REMOTE_PORT": "50111",
        "CONTENT_TYPE": "application/json",
        "CONTENT_LENGTH": str(len(REQUEST)),
        "HTTP_HOST": "api.example.com",
        "HTTP_USER_AGENT": "python-requests/2.32.3",
        "HTTP_ACCEPT": "*/*",
        "HTTP_ACCEPT_ENCODING": "gzip, deflate",
        "HTTP_CONNECTION": "keep-alive",
        "HTTP_AUTHORIZATION": TOKEN,
        "HTTP_X_FORWARDED_FOR": "203.0.113.7",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(REQUEST),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": False,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
        "wsgi.input_terminated": True,
    }


def start_response(*_arguments: object) -> None:
    return None


def drive(app: Callable[..., Any], calls: int) -> list[int]:
    """Calls the application, reads and closes each response. Returns the nanoseconds of each call."""
    clock = time.perf_counter_ns
    times = []
    for _ in range(calls):
        environ = environment()
        begin = clock()
        result = app(environ, start_response)
        for _chunk in result:
            pass
        close = getattr(result, "close", None)
        if close is not None:
            close()
        times.append(clock() - begin)
    return times


def ask(sink: str, what: str) -> float:
    with urllib.request.urlopen(f"{sink}/{what}", timeout=60) as reply:
        return float(reply.read())


def delivered(sink: str) -> int:
    return int(ask(sink, "count"))


def resident() -> int:
    with open("/proc/self/statm") as statm:  # noqa: PTH123 - pathlib would take more time
        return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def echo(environ: dict[str, Any], start_response: Callable[..., object]) -> list[bytes]:
    body = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
    start_response("200 OK", [("Content-Type", "application/octet-stream")])
    return [body]


def measure_memory(app: Callable[..., Any], calls: int) -> dict[str, Any]:
    """Returns how many bytes the process grows by while the collector does not answer."""
    body = os.urandom(500_000).hex().encode()
    before = resident()
    highest = 0
    for _ in range(calls):
        environ = environment() | {"CONTENT_LENGTH": str(len(body)), "wsgi.input": io.BytesIO(body)}
        result = app(environ, start_response)
        for _chunk in result:
            pass
        if hasattr(result, "close"):
            result.close()
        highest = max(highest, resident())
    # Worker threads allocate later.
    end = time.monotonic() + 3
    while time.monotonic() < end:
        highest = max(highest, resident())
        time.sleep(0.01)
    return {"grown": highest - before}


def measure_forks(app: Callable[..., Any], forks: int) -> dict[str, Any]:
    drive(app, 1000)
    times = []
    for _ in range(forks):
        begin = time.perf_counter_ns()
        pid = os.fork()
        if pid == 0:
            os._exit(0)
        os.waitpid(pid, 0)
        times.append(time.perf_counter_ns() - begin)
    return {"times": times}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("subject", choices=["bare", "middleware"])
    parser.add_argument("--sink", required=True, help="base URI of the counting collector")
    parser.add_argument("--calls", type=int, required=True)
    parser.add_argument("--workload", choices=["calls", "rate", "memory", "forks"], default="calls")
    arguments = parser.parse_args()
    inner = echo if arguments.workload == "memory" else application
    app: Callable[..., Any] = inner
    name = "bare"
    if arguments.subject == "middleware":
        import moesifwsgi  # noqa: PLC0415 - the bare subject must not load it

        name = moesifwsgi.__file__
        # A short timeout, so that the last batch, which is not full, does not distort the rate.
        options: dict[str, Any] = {"EVENT_BATCH_TIMEOUT": 0.1} if arguments.workload == "rate" else {}
        options |= {"APPLICATION_ID": "bench", "BASE_URI": arguments.sink}
        app = moesifwsgi.MoesifMiddleware(inner, options)
    if arguments.workload in ("memory", "forks"):
        measure = measure_memory if arguments.workload == "memory" else measure_forks
        json.dump(measure(app, arguments.calls), sys.stdout)
        sys.stdout.flush()
        # Skip the exit handlers: delivery at exit is not measured.
        os._exit(0)
    # Warm up: imports, threads and the first connection are not measured.
    drive(app, 200)
    expected = 200 if name != "bare" else 0
    wait_for(arguments.sink, expected)
    before, cpu, began = delivered(arguments.sink), time.process_time(), time.monotonic()
    times = drive(app, arguments.calls)
    expected = arguments.calls if name != "bare" else 0
    events = wait_for(arguments.sink, before + expected) - before
    cpu = time.process_time() - cpu
    rate = events / (ask(arguments.sink, "last") - began) if events else 0
    json.dump({"times": times, "cpu_s": cpu, "events": events, "name": name, "rate": rate}, sys.stdout)
    sys.stdout.flush()


def wait_for(sink: str, events: int) -> int:
    """Waits until the sink has that many events, for a limited time. Polling costs the same for every subject."""
    deadline = time.monotonic() + DELIVERY_DEADLINE
    while (found := delivered(sink)) < events and time.monotonic() < deadline:
        time.sleep(0.25)
    return found


if __name__ == "__main__":
    main()
