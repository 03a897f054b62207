"""The project behind real servers, with and without the middleware: same responses, every call recorded.

docs/guarantees.md: I-1, I-3, I-7, I-10, I-12.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import pytest

import django
from tests.collector import ROOT
from tests.examples.pages import examples
from tests.gate import read_through
from tests.remote.config import wait_until
from tests.server import Server, environment

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.gate import Gate
    from tests.recorder import Recorder

WSGI = ["gunicorn-sync", "gunicorn-gthread"]
if Path(sys.executable).with_name("uwsgi").exists():
    WSGI.append("uwsgi")
ASGI = ["uvicorn", "hypercorn-asgi"] if django.VERSION >= (3, 1) else []
ID = "X-Moesif-Transaction-Id"
JSON = {"Content-Type": "application/json"}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


class Serve:
    """Starts servers and stops them."""

    def __init__(self, recorder: Recorder, directory: Path) -> None:
        self.recorder = recorder
        self.directory = directory
        self.servers: list[Server] = []

    def __call__(
        self,
        kind: str,
        variables: dict[str, str] | None = None,
        application: str | None = None,
        arguments: tuple[str, ...] = (),
        **options: object,
    ) -> Server:
        interface = "asgi" if kind in ASGI else "wsgi"
        application = application or f"tests.django.project.{interface}:application"
        given = environment(self.recorder.uri, self.recorder.application_id, options) | (variables or {})
        log = self.directory / f"server-{len(self.servers)}.log"
        server = Server(application, kind, arguments, given, log)
        self.servers.append(server)
        return server


@pytest.fixture
def serve(recorder: Recorder, tmp_path: Path) -> Iterator[Serve]:
    serve = Serve(recorder, tmp_path)
    yield serve
    for server in serve.servers:
        server.kill()


UPLOAD = (
    b'--b\r\nContent-Disposition: form-data; name="name"\r\n\r\nann\r\n'
    b'--b\r\nContent-Disposition: form-data; name="photo"; filename="a.txt"\r\n\r\n'
    + b"x" * 3_000_000
    + b"\r\n--b--\r\n"
)
CALLS: dict[str, tuple[str, str, Any, dict[str, str]]] = {
    "plain": ("GET", "/plain?a=1&b=%C3%A9", None, {}),
    "head": ("HEAD", "/plain", None, {}),
    "json": ("POST", "/echo", b'{"a": 1}', JSON),
    "bytes": ("PUT", "/echo", bytes(range(256)), {"Content-Type": "application/octet-stream"}),
    "pieces": ("POST", "/reading", b"twelve bytes", {"Content-Type": "text/plain"}),
    "upload": ("POST", "/form", UPLOAD, {"Content-Type": "multipart/form-data; boundary=b"}),
    "unread": ("POST", "/plain", b"unread", {"Content-Type": "text/plain"}),
    "cookies": ("GET", "/cookies", None, {"Cookie": "sessionid=unknown"}),
    "anybody": ("GET", "/whoami", None, {}),
    "stream": ("GET", "/streaming", None, {}),
    "file": ("GET", "/file", None, {}),
    "own id": ("GET", "/own_id", None, {}),
    "failing": ("GET", "/failing", None, {}),
    "missing": ("GET", "/nowhere", None, {}),
}
if django.VERSION >= (3, 1):
    CALLS["asynchronous"] = ("GET", "/aplain", None, {})


def calls_for(kind: str) -> list[str]:
    # uWSGI resets the connection if the body was not read.
    return [name for name in CALLS if (kind, name) != ("uwsgi", "unread")]


def answers(kind: str, server: Server) -> dict[str, tuple[object, ...]]:
    """Make every call, each on its own connection. Returns the responses without the headers that always differ."""
    found: dict[str, tuple[object, ...]] = {}
    for name in calls_for(kind):
        method, path, body, headers = CALLS[name]
        answer = server.request(method, path, body, headers)
        fields = [field for field in answer.headers.items() if field[0].lower() not in {"date", ID.lower()}]
        own_id = answer.headers[ID] if name == "own id" else None
        found[name] = (answer.status, sorted((field.lower(), value) for field, value in fields), own_id, answer.body)
    return found


@pytest.mark.parametrize("kind", [*WSGI, *ASGI])
def test_responses_are_the_same_and_every_call_is_recorded(serve: Serve, recorder: Recorder, kind: str) -> None:
    bare = serve(kind, {"TEST_BARE": "1"})
    captured = serve(kind)
    assert answers(kind, captured) == answers(kind, bare)
    assert captured.get("/plain").headers[ID]
    assert bare.get("/plain").headers[ID] is None
    calls = len(calls_for(kind)) + 1
    events = recorder.wait_for(calls)
    captured.stop()
    assert len(events) == calls
    host, port = captured.address
    assert {event["request"]["uri"].split("/")[2] for event in events} == {f"{host}:{port}"}
    by_path = {event["request"]["uri"].split("/", 3)[3]: event for event in events if event["request"]["verb"] == "GET"}
    assert by_path["plain?a=1&b=%C3%A9"]["response"]["body"] == {"hello": "world"}
    assert by_path["failing"]["response"]["status"] == 500
    assert by_path["nowhere"]["response"]["status"] == 404
    posted = next(event for event in events if event["request"]["headers"].get("Content-Type") == "application/json")
    assert posted["request"]["body"] == posted["response"]["body"] == {"a": 1}
    assert "moesif" not in captured.output()


def _streams(since: tuple[int, int]) -> list[tuple[str, str]]:
    """Return servers with the prefix of the streaming views that each sends chunk by chunk."""
    # Under ASGI, Django collects a synchronous stream before it sends anything.
    return [*((kind, "") for kind in WSGI), *((kind, "a") for kind in ASGI if since <= django.VERSION)]


@pytest.mark.parametrize(("kind", "prefix"), _streams((4, 2)))
def test_the_first_chunk_leaves_before_the_second_is_made(
    serve: Serve, recorder: Recorder, gate: Gate, kind: str, prefix: str
) -> None:
    server = serve(kind, gate.environment)
    read_through(server.connection(), gate, f"/{prefix}gated")
    (event,) = recorder.wait_for(1)
    assert event["response"]["content_length"] == len(b"firstsecond")


# Before Django 5.0 an async stream continues after its client disconnected.
@pytest.mark.parametrize(("kind", "prefix"), _streams((5, 0)))
def test_endless_stream_is_recorded_when_its_client_disconnects(
    serve: Serve, recorder: Recorder, kind: str, prefix: str
) -> None:
    server = serve(kind, RESPONSE_MAX_BODY_SIZE=1000)
    connection = server.connection()
    connection.request("GET", f"/{prefix}endless")
    response = connection.getresponse()
    assert response.read(1600).startswith(b"data: 00000000\n\n")
    response.close()
    connection.close()
    (event,) = recorder.wait_for(1, timeout=30)
    assert len(event["response"]["body"]) <= 1000
    assert event["response"]["content_length"] > 1000
    assert event["response"]["headers"]["X-Moesif-Body-Truncated"] == "1"


@pytest.mark.parametrize("kind", [*WSGI, *ASGI])
def test_session_user_is_recorded_without_side_effects(serve: Serve, recorder: Recorder, kind: str) -> None:
    server = serve(kind)
    logged_in = server.request("POST", "/enter", urlencode({"username": "ann", "password": "secret"}).encode(), FORM)
    assert logged_in.status == 200, server.output()
    cookie = logged_in.headers["Set-Cookie"].split(";")[0]
    plain = server.get("/plain", {"Cookie": cookie})
    assert (plain.status, plain.headers["Vary"], plain.headers["Set-Cookie"]) == (200, None, None)
    looked = server.get("/whoami", {"Cookie": cookie})
    assert (json.loads(looked.body), looked.headers["Vary"]) == ({"user": "ann"}, "Cookie")
    events = recorder.wait_for(3)
    assert [event["user_id"] for event in events] == ["ann"] * 3
    assert {event["session_token"] for event in events} == {cookie.removeprefix("sessionid=")}


# uvicorn ends itself with SIGTERM, so exit handlers do not run.
@pytest.mark.parametrize("kind", [kind for kind in [*WSGI, *ASGI] if kind != "uvicorn"])
def test_queued_events_are_delivered_when_the_server_ends(serve: Serve, recorder: Recorder, kind: str) -> None:
    server = serve(kind, EVENT_BATCH_TIMEOUT=300, BATCH_SIZE=1000)
    for _ in range(10):
        assert server.get("/plain").status == 200
    assert not recorder.events
    server.stop()
    wait_until(lambda: len(recorder.events) == 10, "everything is delivered")


@pytest.mark.skipif(not ASGI, reason="this Django has no ASGI")
@pytest.mark.parametrize("kind", ["uvicorn", "gunicorn-uvicorn.workers.UvicornWorker"])
def test_documented_lifespan_delivers_when_uvicorn_ends(
    serve: Serve, recorder: Recorder, tmp_path: Path, kind: str
) -> None:
    (documented,) = (example.source for example in examples() if example.kind == "asgi")
    (tmp_path / "documented.py").write_text(f"from tests.django.project import shim\nshim.install()\n{documented}")
    variables = {
        "PYTHONPATH": os.pathsep.join((str(ROOT), str(tmp_path))),
        "DJANGO_SETTINGS_MODULE": "tests.django.project.settings",
    }
    arguments = ("--lifespan", "on") if kind == "uvicorn" else ()
    server = serve(kind, variables, "documented:application", arguments, EVENT_BATCH_TIMEOUT=60, FLUSH_TIMEOUT=30)
    for _ in range(5):
        assert server.get("/plain").status == 200, server.output()
    assert not recorder.events
    server.stop()
    assert len(recorder.events) == 5
