"""Every option of docs/options.md has its documented effect, set in the dictionary or in the environment.

An option without a check here fails ``test_every_option_with_an_effect_has_a_check``.
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
from tests.recorder import FAST, Fault, Recorder

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.conftest import Ended, RunProgram

SECRET = "s3cr3t"
ANN, BOB = "Basic YW5uOng=", "Basic Ym9iOng="


@dataclass
class OptionUnderTest:
    """An option that is set either in the dictionary of settings or in the environment."""

    name: str
    from_environment: bool
    recorder: Recorder
    another_recorder: Recorder
    caplog: pytest.LogCaptureFixture
    monkeypatch: pytest.MonkeyPatch
    run_program: RunProgram

    def middleware(self, value: object, application: Any = hello, **others: object) -> MoesifMiddleware:
        """Wrap an application with this option set to a value, and with other options."""
        settings: dict[str, object] = {
            "APPLICATION_ID": self.recorder.application_id,
            "BASE_URI": self.recorder.uri,
            **FAST,
            **others,
        }
        settings.pop(self.name, None)
        if self.from_environment:
            self.monkeypatch.setenv(f"MOESIF_{self.name}", _as_text(value))
        else:
            settings[self.name] = value
        return MoesifMiddleware(application, {name: other for name, other in settings.items() if other is not None})

    def program(self, source: str, value: object, **others: object) -> Ended:
        """Run a program that passes ``settings`` to its middlewares."""
        settings = {} if self.from_environment else {self.name: value}
        variables = {f"MOESIF_{self.name}": _as_text(value)} if self.from_environment else {}
        prelude = f"import json\nsettings = json.loads({json.dumps(settings)!r})\n"
        return self.run_program(prelude + source, to=self.recorder, variables=variables, **others)

    def event(self) -> dict[str, Any]:
        [event] = self.recorder.wait_for(1, timeout=20)
        return event


def _as_text(value: object) -> str:
    return ", ".join(value) if isinstance(value, list) else str(value).lower() if value in (True, False) else str(value)


Check = Callable[[OptionUnderTest], None]
CHECKS: dict[str, Check] = {}


def _check_of(*options: str) -> Callable[[Check], Check]:
    """Register a function as the check of these options."""

    def register(check: Check) -> Check:
        CHECKS.update(dict.fromkeys(options, check))
        return check

    return register


def _echo(environ: Environ, start_response: Any) -> list[bytes]:
    """Answer with the request body and two headers."""
    body = environ["wsgi.input"].read()
    start_response("200 OK", [("X-Secret", SECRET), ("X-Kept", "1")])
    return [body]


def _call(application: Any, **variables: object) -> Gateway:
    body = json.dumps({"password": SECRET, "kept": {"token": SECRET, "a": 1}}).encode()
    return request(application, make_environ("POST", "/", body, **variables))


# Where events go.


@_check_of("APPLICATION_ID")
def _application_id(option: OptionUnderTest) -> None:
    option.recorder.ids = ["the id of the option"]
    request(option.middleware("the id of the option"))
    option.event()
    assert option.recorder.accepted[0].headers["X-Moesif-Application-Id"] == "the id of the option"


@_check_of("BASE_URI")
def _base_uri(option: OptionUnderTest) -> None:
    option.recorder.ids = option.another_recorder.ids = ["id"]
    request(option.middleware(f"{option.another_recorder.uri}/prefix", APPLICATION_ID="id"))
    option.another_recorder.wait_for(1, timeout=20)
    assert option.another_recorder.accepted[0].path == "/prefix/v1/events/batch"


@_check_of("LOCAL_MOESIF_BASEURL")
def _older_name_of_base_uri(option: OptionUnderTest) -> None:
    option.another_recorder.ids = ["id"]
    request(option.middleware(option.another_recorder.uri, APPLICATION_ID="id", BASE_URI=None))
    option.another_recorder.wait_for(1, timeout=20)


# What is recorded.


@_check_of("LOG_BODY")
def _log_body(option: OptionUnderTest) -> None:
    _call(option.middleware(value=False, application=_echo))
    event = option.event()
    assert "body" not in event["request"]
    assert "body" not in event["response"]


@_check_of("API_VERSION")
def _api_version(option: OptionUnderTest) -> None:
    request(option.middleware("2.1"))
    assert option.event()["request"]["api_version"] == "2.1"


@_check_of("REQUEST_MAX_BODY_SIZE", "RESPONSE_MAX_BODY_SIZE")
def _max_body_size(option: OptionUnderTest) -> None:
    _call(option.middleware(20, _echo))
    event = option.event()
    limited, other = event["request"], event["response"]
    if option.name.startswith("RESPONSE"):
        limited, other = other, limited
    assert len(limited["body"]) == 20
    assert other["body"]["password"] == SECRET


@_check_of("READ_REQUEST_BODY_FIRST")
def _read_request_body_first(option: OptionUnderTest) -> None:
    _call(option.middleware(value=True))
    assert option.event()["request"]["body"]["password"] == SECRET


@_check_of("REQUEST_HEADER_MASKS", "RESPONSE_HEADER_MASKS")
def _header_masks(option: OptionUnderTest) -> None:
    _call(option.middleware(["x-secret", "X-OTHER"], _echo), HTTP_X_SECRET=SECRET, HTTP_X_OTHER=SECRET, HTTP_X_KEPT="1")
    event = option.event()
    masked = {"REQUEST_HEADER_MASKS": "request", "RESPONSE_HEADER_MASKS": "response"}[option.name]
    for side in ("request", "response"):
        headers = event[side]["headers"]
        assert headers["X-Kept"] == "1"
        assert ("X-Secret" in headers) is (side != masked)
    assert ("X-Other" in event["request"]["headers"]) is (masked != "request")


@_check_of("REQUEST_BODY_MASKS", "RESPONSE_BODY_MASKS")
def _body_masks(option: OptionUnderTest) -> None:
    _call(option.middleware(["password", "kept.token"], _echo))
    event = option.event()
    masked = {"REQUEST_BODY_MASKS": "request", "RESPONSE_BODY_MASKS": "response"}[option.name]
    for side in ("request", "response"):
        whole = {"password": SECRET, "kept": {"token": SECRET, "a": 1}}
        assert event[side]["body"] == ({"kept": {"a": 1}} if side == masked else whole)


@_check_of("REQUEST_QUERY_MASKS")
def _query_masks(option: OptionUnderTest) -> None:
    request(option.middleware(["token", "key"]), make_environ(QUERY_STRING=f"token={SECRET}&page=2&key=1"))
    assert option.event()["request"]["uri"] == "http://api.example.com/?page=2"


@_check_of("DISABLED_TRANSACTION_ID", "DISABLE_TRANSACTION_ID")
def _no_transaction_id(option: OptionUnderTest) -> None:
    answer = request(option.middleware(value=True))
    assert answer.header("X-Moesif-Transaction-Id") == []
    event = option.event()
    assert "X-Moesif-Transaction-Id" not in event["request"]["headers"] | event["response"]["headers"]
    assert event["transaction_id"]


# Identity of the caller.


@_check_of("AUTHORIZATION_HEADER_NAME")
def _authorization_header_name(option: OptionUnderTest) -> None:
    environ = make_environ(HTTP_X_API_KEY=ANN, HTTP_AUTHORIZATION=BOB)
    request(option.middleware(["X-Api-Key", "Authorization"]), environ)
    assert option.event()["user_id"] == "ann"


@_check_of("AUTHORIZATION_USER_ID_FIELD")
def _authorization_user_id_field(option: OptionUnderTest) -> None:
    environ = make_environ(HTTP_AUTHORIZATION="Bearer e30.eyJzdWIiOiJhbm4iLCJ1c2VyIjoiYm9iIn0.c2ln")
    request(option.middleware("user"), environ)
    assert option.event()["user_id"] == "bob"


# Functions, which can only be set in the dictionary.


@_check_of("SKIP")
def _skip(option: OptionUnderTest) -> None:
    application = option.middleware(lambda _app, environ: environ["PATH_INFO"] == "/health")
    for path in ("/health", "/other"):
        request(application, make_environ(path=path))
    assert option.event()["request"]["uri"].endswith("/other")


@_check_of("IDENTIFY_USER", "IDENTIFY_COMPANY")
def _identify(option: OptionUnderTest) -> None:
    request(option.middleware(lambda _app, _environ, headers: headers["Content-Type"]))
    field = {"IDENTIFY_USER": "user_id", "IDENTIFY_COMPANY": "company_id"}[option.name]
    assert option.event()[field] == "text/plain"


@_check_of("GET_METADATA")
def _get_metadata(option: OptionUnderTest) -> None:
    request(option.middleware(lambda _app, environ: {"path": environ["PATH_INFO"]}))
    assert option.event()["metadata"] == {"path": "/"}


@_check_of("GET_SESSION_TOKEN")
def _get_session_token(option: OptionUnderTest) -> None:
    request(option.middleware(lambda _app, environ: environ["PATH_INFO"]))
    assert option.event()["session_token"] == "/"


@_check_of("MASK_EVENT_MODEL")
def _mask_event_model(option: OptionUnderTest) -> None:
    def mask(event: Any) -> Any:
        event.response.body = None
        return event

    request(option.middleware(mask))
    assert option.event()["response"]["body"] is None


# How events are delivered.


@_check_of("EVENT_QUEUE_SIZE")
def _event_queue_size(option: OptionUnderTest) -> None:
    option.recorder.answer_with(then=Fault.HANG)
    source = """
import moesif
from moesifwsgi import MoesifMiddleware
from tests.gateway import hello, request
application = MoesifMiddleware(hello, settings)
for _ in range(50):
    request(application)
print(json.dumps({**moesif.stats()}))
"""
    ended = option.program(source, 7, EVENT_BATCH_TIMEOUT=60, FLUSH_TIMEOUT=0)
    assert ended.code == 0, ended.errors
    stats = json.loads(ended.output)
    assert (stats["queued"], stats["dropped"]) == (7, {"queue_full": 43})


@_check_of("EVENT_QUEUE_BYTES")
def _event_queue_bytes(option: OptionUnderTest) -> None:
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
    ended = option.program(source, 2_000_000, EVENT_BATCH_TIMEOUT=60, FLUSH_TIMEOUT=20)
    assert ended.code == 0, ended.errors
    assert len(option.recorder.events) == 20
    assert len([event for event in option.recorder.events if "body" in event["response"]]) < 20


@_check_of("EVENT_WORKER_COUNT")
def _event_worker_count(option: OptionUnderTest) -> None:
    option.recorder.answer_with(then=Fault.HANG)
    application = option.middleware(3, BATCH_SIZE=1, REQUEST_TIMEOUT=60)
    for _ in range(5):
        request(application)
    # The default is two.
    assert len(option.recorder.wait_for_deliveries(3, timeout=20)) == 3


@_check_of("BATCH_SIZE")
def _batch_size(option: OptionUnderTest) -> None:
    application = option.middleware(3, EVENT_BATCH_TIMEOUT=60)
    for _ in range(6):
        request(application)
    option.recorder.wait_for(6, timeout=20)
    assert [len(delivery.events) for delivery in option.recorder.deliveries] == [3, 3]


@_check_of("BATCH_BYTES")
def _batch_bytes(option: OptionUnderTest) -> None:
    def application(_environ: Environ, start_response: Any) -> list[bytes]:
        start_response("200 OK", [])
        return [os.urandom(30_000)]

    middleware = option.middleware(65_536, application, BATCH_SIZE=4, EVENT_BATCH_TIMEOUT=60)
    for _ in range(4):
        request(middleware)
    option.recorder.wait_for(4, timeout=20)
    assert [len(delivery.events) for delivery in option.recorder.deliveries] == [1, 1, 1, 1]


@_check_of("EVENT_BATCH_TIMEOUT")
def _event_batch_timeout(option: OptionUnderTest) -> None:
    """A later event to another collector, with the default timeout, is delivered first."""
    application = option.middleware(60, BATCH_SIZE=2)
    request(application)
    option.another_recorder.ids = ["id"]
    with contextlib.ExitStack() as environment:
        context = environment.enter_context(pytest.MonkeyPatch.context())
        context.delenv("MOESIF_EVENT_BATCH_TIMEOUT", raising=False)
        settings = {"APPLICATION_ID": "id", "BASE_URI": option.another_recorder.uri, "FLUSH_TIMEOUT": 0.5}
        request(MoesifMiddleware(hello, settings))
    option.another_recorder.wait_for(1, timeout=20)
    assert option.recorder.deliveries == []
    request(application)
    option.recorder.wait_for(2, timeout=20)
    assert len(option.recorder.deliveries) == 1


@_check_of("FLUSH_TIMEOUT")
def _flush_timeout(option: OptionUnderTest) -> None:
    option.recorder.answer_with(then=Fault.HANG)
    source = """
import time
from moesifwsgi import MoesifMiddleware
from tests.gateway import hello, request
request(MoesifMiddleware(hello, settings))
print("end", time.monotonic(), flush=True)
"""
    ended = option.program(source, 4)
    assert ended.code == 0, ended.errors
    # The default is 3 s.
    assert ended.seconds_after("end") > 3.9


@contextlib.contextmanager
def _port_with_a_full_backlog() -> Iterator[Nowhere]:
    """A port on which connecting neither succeeds nor fails."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as server, contextlib.ExitStack() as held:
        for _ in range(16):
            client = held.enter_context(socket.socket())
            client.settimeout(0.3)
            try:
                client.connect(server.getsockname())
            except TimeoutError:
                break
        yield Nowhere(f"http://127.0.0.1:{collector_at(server.getsockname()[1])}")


@_check_of("CONNECT_TIMEOUT")
def _connect_timeout(option: OptionUnderTest) -> None:
    with _port_with_a_full_backlog() as full, option.caplog.at_level(logging.WARNING, "moesif.delivery"):
        application = option.middleware(0.3, BASE_URI=full.uri)
        request(application)
        # The default is 5 s.
        deadline = time.monotonic() + 4.5
        while not any(full.uri in record.getMessage() for record in option.caplog.records):
            assert time.monotonic() < deadline
            time.sleep(0.02)
            request(application)


@_check_of("REQUEST_TIMEOUT")
def _request_timeout(option: OptionUnderTest) -> None:
    option.recorder.answer_with(Fault.HANG)
    request(option.middleware(0.3))
    # The default is 10 s.
    option.recorder.wait_for_deliveries(2, timeout=9)


# Outgoing calls.


def _outgoing(option: OptionUnderTest, value: object, **others: object) -> dict[str, Any]:
    """Return the event of the call that an application makes while it serves a request."""
    api = Api()

    def application(_environ: Environ, start_response: Any) -> list[bytes]:
        if option.name == "SKIP_OUTGOING":
            requests.get(f"{api.uri}/skipped", timeout=20)
        answer = requests.post(f"{api.uri}/echo", json={"a": 1}, headers={"X-Name": "ann"}, timeout=20)
        start_response("200 OK", [])
        return [answer.content]

    try:
        request(option.middleware(value, application, **others))
        [event] = [event for event in option.recorder.wait_for(2, timeout=20) if event["direction"] == "Outgoing"]
        return event
    finally:
        moesif.outgoing.stop()
        api.close()


@_check_of("CAPTURE_OUTGOING_REQUESTS")
def _capture_outgoing_requests(option: OptionUnderTest) -> None:
    event = _outgoing(option, value=True)
    assert (event["request"]["body"], event["response"]["body"]) == ({"a": 1}, {"a": 1})


@_check_of("LOG_BODY_OUTGOING")
def _log_body_outgoing(option: OptionUnderTest) -> None:
    event = _outgoing(option, value=False, CAPTURE_OUTGOING_REQUESTS=True)
    assert "body" not in event["request"] | event["response"]


@_check_of("IDENTIFY_USER_OUTGOING", "IDENTIFY_COMPANY_OUTGOING", "GET_SESSION_TOKEN_OUTGOING")
def _identify_outgoing(option: OptionUnderTest) -> None:
    def name(request: Any, response: Any) -> str:
        return f"{request.headers['X-Name']} {response.status_code}"

    fields = {"IDENTIFY_USER": "user_id", "IDENTIFY_COMPANY": "company_id", "GET_SESSION_TOKEN": "session_token"}
    event = _outgoing(option, name, CAPTURE_OUTGOING_REQUESTS=True)
    assert event[fields[option.name.removesuffix("_OUTGOING")]] == "ann 200"


@_check_of("GET_METADATA_OUTGOING")
def _get_metadata_outgoing(option: OptionUnderTest) -> None:
    event = _outgoing(option, lambda _request, _response: {"b": 2}, CAPTURE_OUTGOING_REQUESTS=True)
    assert event["metadata"]["b"] == 2


@_check_of("SKIP_OUTGOING")
def _skip_outgoing(option: OptionUnderTest) -> None:
    event = _outgoing(option, lambda request, _response: request.method == "GET", CAPTURE_OUTGOING_REQUESTS=True)
    assert event["request"]["verb"] == "POST"


# Other options.


@_check_of("DEBUG", "LOCAL_DEBUG")
def _debug(option: OptionUnderTest) -> None:
    logger = logging.getLogger("moesif")
    level, handlers = logger.level, list(logger.handlers)
    try:
        answer = request(option.middleware(value=True))
        assert logger.level == logging.DEBUG
        assert answer.header("X-Moesif-Wsgi-Pid") == ([str(os.getpid())] if option.name == "DEBUG" else [])
        option.event()
        option.recorder.wait_for_fetches(1)
        expected_messages = (
            "200: recorded",
            f"{option.recorder.uri}: delivered",
            f"{option.recorder.uri} is in force",
        )
        deadline = time.monotonic() + 30
        while not all(
            any(what in record.getMessage() for record in option.caplog.records) for what in expected_messages
        ):
            assert time.monotonic() < deadline, option.caplog.text
            request(option.middleware(value=True))
    finally:
        logger.setLevel(level)
        logger.handlers[:] = handlers


@_check_of("DJANGO_USER")
def _django_user(option: OptionUnderTest) -> None:
    from tests.django.hosted import looks_up_user  # noqa: PLC0415 - the import sets Django up

    for value in ("auto", "resolved"):
        options = {} if option.from_environment else {option.name: value}
        if option.from_environment:
            option.monkeypatch.setenv("MOESIF_DJANGO_USER", value)
        assert looks_up_user(option.recorder, options) is (value == "auto")


@_check_of("USE_CELERY", "CELERY_BROKER_URL")
def _ignored(option: OptionUnderTest) -> None:
    with option.caplog.at_level(logging.DEBUG, "moesif.settings"):
        # With bodies, the first request of a process logs what is recorded.
        request(option.middleware("redis://localhost", LOG_BODY=False))
    assert [record.getMessage() for record in option.caplog.records if record.name == "moesif.settings"] == []
    option.event()


# The table in docs/options.md.

ROW = re.compile(r"^\| `(?P<name>\w+)` \| (?P<value>.*?) \| .*? \| (?P<meaning>.*?) \| \w* \|$", re.MULTILINE)
TABLE = {row["name"]: row for row in ROW.finditer((ROOT / "docs" / "options.md").read_text())}
FUNCTIONS = [name for name, row in TABLE.items() if row["value"].startswith("function")]
CASES = [
    *(pytest.param(name, False, id=f"{name}-dictionary") for name in CHECKS),
    *(pytest.param(name, True, id=f"{name}-environment") for name in CHECKS if name not in FUNCTIONS),
]


def test_every_option_with_an_effect_has_a_check() -> None:
    without_effect = re.compile(r"\*No(t applied| effect) in this version")
    assert set(CHECKS) == {name for name, row in TABLE.items() if not without_effect.search(row["meaning"])}


@pytest.mark.parametrize(("name", "from_environment"), CASES)
def test_option_has_its_effect(  # noqa: PLR0913, PLR0917 - fixtures for the checks
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
    option = OptionUnderTest(name, from_environment, recorder, another_recorder, caplog, monkeypatch, run_program)
    CHECKS[name](option)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_function_in_the_environment_is_ignored_with_a_warning(
    recorder: Recorder, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv(f"MOESIF_{name}", "package.function")
    with caplog.at_level(logging.WARNING, "moesif.settings"):
        MoesifMiddleware(hello, {"APPLICATION_ID": recorder.application_id, "BASE_URI": recorder.uri})
    assert [record.getMessage() for record in caplog.records if f"MOESIF_{name} is ignored" in record.getMessage()]
