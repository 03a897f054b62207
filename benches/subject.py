"""One subject of a benchmark, in an interpreter of its own: a WSGI application, bare or behind a middleware.

Prints one JSON object: the time of each call on the calling thread, the CPU time of the process until everything is
delivered, and how many events were.

The workload is the one of docs/architecture.md: a 490-byte JSON document in, a 1.2 KB one out, a bearer token.
"""

from __future__ import annotations

import argparse
import base64
import io
import json
import sys
import time
import urllib.request
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

DELIVERY_DEADLINE = 120.0


def document(size: int) -> bytes:
    """Returns a JSON object of exactly this many bytes, with values that do not compress to nothing."""
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
    """Returns what gunicorn hands to an application for such a request."""
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
    """Calls the application; returns the nanoseconds of each call, its response iterated and closed."""
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


def delivered(sink: str) -> int:
    with urllib.request.urlopen(f"{sink}/count", timeout=60) as reply:
        return int(reply.read())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("subject", choices=["bare", "middleware"])
    parser.add_argument("--sink", required=True, help="base URI of the counting collector")
    parser.add_argument("--calls", type=int, required=True)
    arguments = parser.parse_args()
    app: Callable[..., Any] = application
    name = "bare"
    if arguments.subject == "middleware":
        import moesifwsgi  # noqa: PLC0415 - the bare subject must not load it

        name = moesifwsgi.__file__
        app = moesifwsgi.MoesifMiddleware(application, {"APPLICATION_ID": "bench", "BASE_URI": arguments.sink})
    # Everything lazy (imports, threads, the first connection) happens in calls that are not counted.
    drive(app, 200)
    expected = 200 if name != "bare" else 0
    wait_for(arguments.sink, expected)
    before, cpu = delivered(arguments.sink), time.process_time()
    times = drive(app, arguments.calls)
    expected = arguments.calls if name != "bare" else 0
    events = wait_for(arguments.sink, before + expected) - before
    cpu = time.process_time() - cpu
    json.dump({"times": times, "cpu_s": cpu, "events": events, "name": name}, sys.stdout)
    sys.stdout.flush()


def wait_for(sink: str, events: int) -> int:
    """Waits until the sink has that many; gives up after a while. Asking costs the same for every subject."""
    deadline = time.monotonic() + DELIVERY_DEADLINE
    while (found := delivered(sink)) < events and time.monotonic() < deadline:
        time.sleep(0.25)
    return found


if __name__ == "__main__":
    main()
