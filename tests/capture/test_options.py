"""Every option of docs/options.md does what the page says, from the dictionary and from the environment.

An option without a case here fails ``test_every_option_that_has_an_effect_has_a_case``.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import re
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
import requests

import moesif.outgoing
from moesifwsgi import MoesifMiddleware
from tests.collector import ROOT, Nowhere
from tests.gateway import Environ, Gateway, hello, make_environ, request
from tests.outgoing.api import Api
from tests.ports import collector_at
from tests.recorder import Fault, Recorder

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.conftest import Ended, RunProgram

SECRET = "s3cr3t"
ANN, BOB = "Basic YW5uOng=", "Basic Ym9iOng="


@dataclass
class Given:
    """An option, given to a middleware in one of the two ways."""

    name: str
    from_environment: bool
    recorder: Recorder
    another_recorder: Recorder
    caplog: pytest.LogCaptureFixture
    monkeypatch: pytest.MonkeyPatch
    run_program: RunProgram

    def middleware(self, value: object, application: Any = hello, **others: object) -> MoesifMiddleware:
        """Wrap an application with the option set to this, and other options beside it."""
        settings: dict[str, object] = {
            "APPLICATION_ID": self.recorder.application_id,
            "BASE_URI": self.recorder.uri,
            "EVENT_BATCH_TIMEOUT": 0.02,
            "EVENT_WORKER_COUNT": 1,
            "FLUSH_TIMEOUT": 0.5,
            **others,
        }
        settings.pop(self.name, None)
        if self.from_environment:
            self.monkeypatch.setenv(f"MOESIF_{self.name}", _as_text(value))
        else:
            settings[self.name] = value
        return MoesifMiddleware(application, {name: given for name, given in settings.items() if given is not None})

    def program(self, source: str, value: object, **others: object) -> Ended:
        """Run a program that makes its middlewares with ``settings``."""
        settings = {} if self.from_environment else {self.name: value}
        variables = {f"MOESIF_{self.name}": _as_text(value)} if self.from_environment else {}
        prelude = f"import json\nsettings = json.loads({json.dumps(settings)!r})\n"
        return self.run_program(prelude + source, to=self.recorder, variables=variables, **others)

    def event(self) -> dict[str, Any]:
        [event] = self.recorder.wait_for(1, timeout=20)
        return event


def _as_text(value: object) -> str:
    return ", ".join(value) if isinstance(value, list) else str(value).lower() if value in (True, False) else str(value)


Check = Callable[[Given], None]
CHECKS: dict[str, Check] = {}


def _of(*options: str) -> Callable[[Check], Check]:
    """Register a check of these options."""

    def register(check: Check) -> Check:
        CHECKS.update(dict.fromkeys(options, check))
        return check

    return register


def _echo(environ: Environ, start_response: Any) -> list[bytes]:
    """Answer with the request body, and a header of the application's own."""
    body = environ["wsgi.input"].read()
    start_response("200 OK", [("X-Secret", SECRET), ("X-Kept", "1")])
    return [body]


def _call(application: Any, **variables: object) -> Gateway:
    body = json.dumps({"password": SECRET, "kept": {"token": SECRET, "a": 1}}).encode()
    return request(application, make_environ("POST", "/", body, **variables))


# Where events go.


@_of("APPLICATION_ID")
def _application_id(given: Given) -> None:
    given.recorder.ids = ["the id of the option"]
    request(given.middleware("the id of the option"))
    given.event()
    assert given.recorder.accepted[0].headers["X-Moesif-Application-Id"] == "the id of the option"


@_of("BASE_URI")
def _base_uri(given: Given) -> None:
    given.recorder.ids = given.another_recorder.ids = ["id"]
    request(given.middleware(f"{given.another_recorder.uri}/prefix", APPLICATION_ID="id"))
    given.another_recorder.wait_for(1, timeout=20)
    assert given.another_recorder.accepted[0].path == "/prefix/v1/events/batch"


@_of("LOCAL_MOESIF_BASEURL")
def _older_name_of_base_uri(given: Given) -> None:
    given.another_recorder.ids = ["id"]
    request(given.middleware(given.another_recorder.uri, APPLICATION_ID="id", BASE_URI=None))
    given.another_recorder.wait_for(1, timeout=20)


# What is recorded.


@_of("LOG_BODY")
def _log_body(given: Given) -> None:
    _call(given.middleware(value=False, application=_echo))
    event = given.event()
    assert "body" not in event["request"]
    assert "body" not in event["response"]


@_of("API_VERSION")
def _api_version(given: Given) -> None:
    request(given.middleware("2.1"))
    assert given.event()["request"]["api_version"] == "2.1"


@_of("REQUEST_MAX_BODY_SIZE", "RESPONSE_MAX_BODY_SIZE")
def _max_body_size(given: Given) -> None:
    _call(given.middleware(20, _echo))
    event = given.event()
    limited, other = event["request"], event["response"]
    if given.name.startswith("RESPONSE"):
        limited, other = other, limited
    assert len(limited["body"]) == 20
    assert other["body"]["password"] == SECRET


@_of("READ_REQUEST_BODY_FIRST")
def _read_request_body_first(given: Given) -> None:
    _call(given.middleware(value=True))
    assert given.event()["request"]["body"]["password"] == SECRET


@_of("REQUEST_HEADER_MASKS", "RESPONSE_HEADER_MASKS")
def _header_masks(given: Given) -> None:
    _call(given.middleware(["x-secret", "X-OTHER"], _echo), HTTP_X_SECRET=SECRET, HTTP_X_OTHER=SECRET, HTTP_X_KEPT="1")
    event = given.event()
    masked = {"REQUEST_HEADER_MASKS": "request", "RESPONSE_HEADER_MASKS": "response"}[given.name]
    for side in ("request", "response"):
        headers = event[side]["headers"]
        assert headers["X-Kept"] == "1"
        assert ("X-Secret" in headers) is (side != masked)
    assert ("X-Other" in event["request"]["headers"]) is (masked != "request")


@_of("REQUEST_BODY_MASKS", "RESPONSE_BODY_MASKS")
def _body_masks(given: Given) -> None:
    _call(given.middleware(["password", "kept.token"], _echo))
    event = given.event()
    masked = {"REQUEST_BODY_MASKS": "request", "RESPONSE_BODY_MASKS": "response"}[given.name]
    for side in ("request", "response"):
        whole = {"password": SECRET, "kept": {"token": SECRET, "a": 1}}
        assert event[side]["body"] == ({"kept": {"a": 1}} if side == masked else whole)


@_of("REQUEST_QUERY_MASKS")
def _query_masks(given: Given) -> None:
    request(given.middleware(["token", "key"]), make_environ(QUERY_STRING=f"token={SECRET}&page=2&key=1"))
    assert given.event()["request"]["uri"] == "http://api.example.com/?page=2"


@_of("DISABLED_TRANSACTION_ID", "DISABLE_TRANSACTION_ID")
def _no_transaction_id(given: Given) -> None:
    answer = request(given.middleware(value=True))
    assert answer.header("X-Moesif-Transaction-Id") == []
    event = given.event()
    assert "X-Moesif-Transaction-Id" not in event["request"]["headers"] | event["response"]["headers"]
    assert event["transaction_id"]


# Who made the call.


@_of("AUTHORIZATION_HEADER_NAME")
def _authorization_header_name(given: Given) -> None:
    environ = make_environ(HTTP_X_API_KEY=ANN, HTTP_AUTHORIZATION=BOB)
    request(given.middleware(["X-Api-Key", "Authorization"]), environ)
    assert given.event()["user_id"] == "ann"


@_of("AUTHORIZATION_USER_ID_FIELD")
def _authorization_user_id_field(given: Given) -> None:
    environ = make_environ(HTTP_AUTHORIZATION="Bearer e30.eyJzdWIiOiJhbm4iLCJ1c2VyIjoiYm9iIn0.c2ln")
    request(given.middleware("user"), environ)
    assert given.event()["user_id"] == "bob"


# Functions, which can only be given in the dictionary.


@_of("SKIP")
def _skip(given: Given) -> None:
    application = given.middleware(lambda _app, environ: environ["PATH_INFO"] == "/health")
    for path in ("/health", "/other"):
        request(application, make_environ(path=path))
    assert given.event()["request"]["uri"].endswith("/other")


@_of("IDENTIFY_USER", "IDENTIFY_COMPANY")
def _identify(given: Given) -> None:
    request(given.middleware(lambda _app, _environ, headers: headers["Content-Type"]))
    field = {"IDENTIFY_USER": "user_id", "IDENTIFY_COMPANY": "company_id"}[given.name]
    assert given.event()[field] == "text/plain"


@_of("GET_METADATA")
def _get_metadata(given: Given) -> None:
    request(given.middleware(lambda _app, environ: {"path": environ["PATH_INFO"]}))
    assert given.event()["metadata"] == {"path": "/"}


@_of("GET_SESSION_TOKEN")
def _get_session_token(given: Given) -> None:
    request(given.middleware(lambda _app, environ: environ["PATH_INFO"]))
    assert given.event()["session_token"] == "/"


@_of("MASK_EVENT_MODEL")
def _mask_event_model(given: Given) -> None:
    def mask(event: Any) -> Any:
        event.response.body = None
        return event

    request(given.middleware(mask))
    assert given.event()["response"]["body"] is None


# How events are delivered.


@_of("EVENT_QUEUE_SIZE")
def _event_queue_size(given: Given) -> None:
    given.recorder.answer_with(then=Fault.HANG)
    source = """
import moesif
from moesifwsgi import MoesifMiddleware
from tests.gateway import hello, request
application = MoesifMiddleware(hello, settings)
for _ in range(50):
    request(application)
print(json.dumps({**moesif.stats()}))
"""
    ended = given.program(source, 7, EVENT_BATCH_TIMEOUT=60, FLUSH_TIMEOUT=0)
    assert ended.code == 0, ended.errors
    stats = json.loads(ended.output)
    assert (stats["queued"], stats["dropped"]) == (7, {"queue_full": 43})


@_of("EVENT_QUEUE_BYTES")
def _event_queue_bytes(given: Given) -> None:
    source = """
import moesif
from moesifwsgi import MoesifMiddleware
from tests.gateway import make_environ, request
def application(environ, start_response):
    start_response("200 OK", [])
    return [bytes(300_000)]
application = MoesifMiddleware(application, settings)
for _ in range(20):
    request(application, make_environ())
assert 300_000 < moesif.stats()["queue_bytes"] <= 2_000_000, moesif.stats()
"""
    ended = given.program(source, 2_000_000, EVENT_BATCH_TIMEOUT=60, FLUSH_TIMEOUT=20)
    assert ended.code == 0, ended.errors
    assert len(given.recorder.events) == 20
    assert len([event for event in given.recorder.events if "body" in event["response"]]) < 20


@_of("EVENT_WORKER_COUNT")
def _event_worker_count(given: Given) -> None:
    given.recorder.answer_with(then=Fault.HANG)
    application = given.middleware(3, BATCH_SIZE=1, REQUEST_TIMEOUT=60)
    for _ in range(5):
        request(application)
    # By default there would be two at a time.
    assert len(given.recorder.wait_for_deliveries(3, timeout=20)) == 3


@_of("BATCH_SIZE")
def _batch_size(given: Given) -> None:
    application = given.middleware(3, EVENT_BATCH_TIMEOUT=60)
    for _ in range(6):
        request(application)
    given.recorder.wait_for(6, timeout=20)
    assert [len(delivery.events) for delivery in given.recorder.deliveries] == [3, 3]


@_of("BATCH_BYTES")
def _batch_bytes(given: Given) -> None:
    def application(_environ: Environ, start_response: Any) -> list[bytes]:
        start_response("200 OK", [])
        return [os.urandom(30_000)]

    middleware = given.middleware(65_536, application, BATCH_SIZE=4, EVENT_BATCH_TIMEOUT=60)
    for _ in range(4):
        request(middleware)
    given.recorder.wait_for(4, timeout=20)
    assert [len(delivery.events) for delivery in given.recorder.deliveries] == [1, 1, 1, 1]


@_of("EVENT_BATCH_TIMEOUT")
def _event_batch_timeout(given: Given) -> None:
    """What comes later, to a collector whose batches wait as long as they do by default, is delivered first."""
    application = given.middleware(60, BATCH_SIZE=2)
    request(application)
    given.another_recorder.ids = ["id"]
    with contextlib.ExitStack() as elsewhere:
        context = elsewhere.enter_context(pytest.MonkeyPatch.context())
        context.delenv("MOESIF_EVENT_BATCH_TIMEOUT", raising=False)
        settings = {"APPLICATION_ID": "id", "BASE_URI": given.another_recorder.uri, "FLUSH_TIMEOUT": 0.5}
        request(MoesifMiddleware(hello, settings))
    given.another_recorder.wait_for(1, timeout=20)
    assert given.recorder.deliveries == []
    request(application)
    given.recorder.wait_for(2, timeout=20)
    assert len(given.recorder.deliveries) == 1


@_of("FLUSH_TIMEOUT")
def _flush_timeout(given: Given) -> None:
    given.recorder.answer_with(then=Fault.HANG)
    source = """
import time
from moesifwsgi import MoesifMiddleware
from tests.gateway import hello, request
request(MoesifMiddleware(hello, settings))
print("end", time.monotonic(), flush=True)
"""
    ended = given.program(source, 4)
    assert ended.code == 0, ended.errors
    # It is three seconds by default.
    assert ended.seconds_after("end") > 3.9


@contextlib.contextmanager
def _port_that_takes_no_connection() -> Iterator[Nowhere]:
    """A port whose backlog is full: a connection is neither made nor refused."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as server, contextlib.ExitStack() as held:
        for _ in range(16):
            client = held.enter_context(socket.socket())
            client.settimeout(0.3)
            try:
                client.connect(server.getsockname())
            except TimeoutError:
                break
        yield Nowhere(f"http://127.0.0.1:{collector_at(server.getsockname()[1])}")


@_of("CONNECT_TIMEOUT")
def _connect_timeout(given: Given) -> None:
    with _port_that_takes_no_connection() as full, given.caplog.at_level(logging.WARNING, "moesif.delivery"):
        application = given.middleware(0.3, BASE_URI=full.uri)
        request(application)
        # It is five seconds by default.
        deadline = time.monotonic() + 4.5
        while not any(full.uri in record.getMessage() for record in given.caplog.records):
            assert time.monotonic() < deadline
            time.sleep(0.02)
            request(application)


@_of("REQUEST_TIMEOUT")
def _request_timeout(given: Given) -> None:
    given.recorder.answer_with(Fault.HANG)
    request(given.middleware(0.3))
    # It is ten seconds by default.
    given.recorder.wait_for_deliveries(2, timeout=9)


# What the application calls.


def _outgoing(given: Given, value: object, **others: object) -> dict[str, Any]:
    """The one event of what an application calls while it serves a call."""
    api = Api()

    def application(_environ: Environ, start_response: Any) -> list[bytes]:
        if given.name == "SKIP_OUTGOING":
            requests.get(f"{api.uri}/skipped", timeout=20)
        answer = requests.post(f"{api.uri}/echo", json={"a": 1}, headers={"X-Name": "ann"}, timeout=20)
        start_response("200 OK", [])
        return [answer.content]

    try:
        request(given.middleware(value, application, **others))
        [event] = [event for event in given.recorder.wait_for(2, timeout=20) if event["direction"] == "Outgoing"]
        return event
    finally:
        moesif.outgoing.stop()
        api.close()


@_of("CAPTURE_OUTGOING_REQUESTS")
def _capture_outgoing_requests(given: Given) -> None:
    event = _outgoing(given, value=True)
    assert (event["request"]["body"], event["response"]["body"]) == ({"a": 1}, {"a": 1})


@_of("LOG_BODY_OUTGOING")
def _log_body_outgoing(given: Given) -> None:
    event = _outgoing(given, value=False, CAPTURE_OUTGOING_REQUESTS=True)
    assert "body" not in event["request"] | event["response"]


@_of("IDENTIFY_USER_OUTGOING", "IDENTIFY_COMPANY_OUTGOING", "GET_SESSION_TOKEN_OUTGOING")
def _identify_outgoing(given: Given) -> None:
    def name(request: Any, response: Any) -> str:
        return f"{request.headers['X-Name']} {response.status_code}"

    fields = {"IDENTIFY_USER": "user_id", "IDENTIFY_COMPANY": "company_id", "GET_SESSION_TOKEN": "session_token"}
    event = _outgoing(given, name, CAPTURE_OUTGOING_REQUESTS=True)
    assert event[fields[given.name.removesuffix("_OUTGOING")]] == "ann 200"


@_of("GET_METADATA_OUTGOING")
def _get_metadata_outgoing(given: Given) -> None:
    event = _outgoing(given, lambda _request, _response: {"b": 2}, CAPTURE_OUTGOING_REQUESTS=True)
    assert event["metadata"]["b"] == 2


@_of("SKIP_OUTGOING")
def _skip_outgoing(given: Given) -> None:
    event = _outgoing(given, lambda request, _response: request.method == "GET", CAPTURE_OUTGOING_REQUESTS=True)
    assert event["request"]["verb"] == "POST"


# The rest.


@_of("DEBUG", "LOCAL_DEBUG")
def _debug(given: Given) -> None:
    logger = logging.getLogger("moesif")
    level, handlers = logger.level, list(logger.handlers)
    try:
        answer = request(given.middleware(value=True))
        assert logger.level == logging.DEBUG
        assert answer.header("X-Moesif-Wsgi-Pid") == ([str(os.getpid())] if given.name == "DEBUG" else [])
        given.event()
        given.recorder.wait_for_fetches(1)
        said = ("200: recorded", f"{given.recorder.uri}: delivered", f"{given.recorder.uri} is in force")
        deadline = time.monotonic() + 30
        while not all(any(what in record.getMessage() for record in given.caplog.records) for what in said):
            assert time.monotonic() < deadline, given.caplog.text
            request(given.middleware(value=True))
    finally:
        logger.setLevel(level)
        logger.handlers[:] = handlers


@_of("DJANGO_USER")
def _django_user(given: Given) -> None:
    from tests.django.hosted import looks_up_user  # noqa: PLC0415 - sets Django up

    for value in ("auto", "resolved"):
        options = {} if given.from_environment else {given.name: value}
        if given.from_environment:
            given.monkeypatch.setenv("MOESIF_DJANGO_USER", value)
        assert looks_up_user(given.recorder, options) is (value == "auto")


@_of("USE_CELERY", "CELERY_BROKER_URL")
def _ignored(given: Given) -> None:
    with given.caplog.at_level(logging.DEBUG, "moesif.settings"):
        # With bodies, the first request of a process logs what is recorded.
        request(given.middleware("redis://localhost", LOG_BODY=False))
    assert [record.getMessage() for record in given.caplog.records if record.name == "moesif.settings"] == []
    given.event()


# The table.

ROW = re.compile(r"^\| `(?P<name>\w+)` \| (?P<value>.*?) \| .*? \| (?P<meaning>.*?) \| \w* \|$", re.MULTILINE)
TABLE = {row["name"]: row for row in ROW.finditer((ROOT / "docs" / "options.md").read_text())}
FUNCTIONS = [name for name, row in TABLE.items() if row["value"].startswith("function")]
WAYS = [
    *(pytest.param(name, False, id=f"{name}-dictionary") for name in CHECKS),
    *(pytest.param(name, True, id=f"{name}-environment") for name in CHECKS if name not in FUNCTIONS),
]


def test_every_option_that_has_an_effect_has_a_case() -> None:
    without_effect = re.compile(r"\*No(t applied| effect) in this version")
    assert set(CHECKS) == {name for name, row in TABLE.items() if not without_effect.search(row["meaning"])}


@pytest.mark.parametrize(("name", "from_environment"), WAYS)
def test_an_option_has_its_effect(  # noqa: PLR0913, PLR0917 - what checks are given
    recorder: Recorder,
    another_recorder: Recorder,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    run_program: RunProgram,
    name: str,
    *,
    from_environment: bool,
) -> None:
    for variable in [variable for variable in os.environ if variable.startswith("MOESIF_")]:
        monkeypatch.delenv(variable)
    given = Given(name, from_environment, recorder, another_recorder, caplog, monkeypatch, run_program)
    CHECKS[name](given)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_in_the_environment_is_ignored_with_a_warning(
    recorder: Recorder, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv(f"MOESIF_{name}", "package.function")
    with caplog.at_level(logging.WARNING, "moesif.settings"):
        MoesifMiddleware(hello, {"APPLICATION_ID": recorder.application_id, "BASE_URI": recorder.uri})
    assert [record.getMessage() for record in caplog.records if f"MOESIF_{name} is ignored" in record.getMessage()]
