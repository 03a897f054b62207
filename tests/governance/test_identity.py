"""Identifying functions that are called before the application (docs/guarantees.md, I-10 and I-19)."""

from __future__ import annotations

import io
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest

from tests.gateway import Environ, make_environ, request
from tests.governance.rules import events_of, rule, when
from tests.interruption import interrupt

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.governance.conftest import Govern
    from tests.recorder import Recorder


class Called:
    """Records the order of calls of functions and the application. ``user`` and ``company`` give the results."""

    def __init__(self) -> None:
        self.order: list[str] = []
        self.user: Callable[..., Any] = lambda *_arguments: "ann"
        self.company: Callable[..., Any] = lambda *_arguments: "acme"

    def identify_user(self, app: object, environ: Environ, response_headers: dict[str, str]) -> Any:
        self.order.append("user")
        return self.user(app, environ, response_headers)

    def identify_company(self, app: object, environ: Environ, response_headers: dict[str, str]) -> Any:
        self.order.append("company")
        return self.company(app, environ, response_headers)

    def application(self, environ: Environ, start_response: Any) -> list[bytes]:
        self.order.append("application")
        body = environ["wsgi.input"].read() if environ.get("CONTENT_LENGTH") else b""
        start_response("200 OK", [("X-Seen", "1")])
        return [body]

    def during(self, application: Any, environ: Environ | None = None) -> list[str]:
        self.order.clear()
        request(application, environ or make_environ("GET", "/path"))
        return list(self.order)


def _governed(govern: Govern, called: Called, rules: list[Any], config: dict[str, Any] | None = None) -> Any:
    functions = {"IDENTIFY_USER": called.identify_user, "IDENTIFY_COMPANY": called.identify_company}
    return govern(rules, config, called.application, **functions)


FOR_UNIDENTIFIED: dict[str, Any] = {
    "applied_to_unidentified": True,
    "block": False,
    "response": {"headers": {"X-Nobody": "1"}},
}


@pytest.mark.parametrize(
    ("kinds", "order"),
    [
        ([], ["application", "user", "company"]),
        (["regex"], ["application", "user", "company"]),
        (["user"], ["user", "application", "company"]),
        (["company"], ["company", "application", "user"]),
        (["company", "user"], ["user", "company", "application"]),
    ],
    ids=str,
)
def test_function_is_called_early_only_for_rules_of_its_kind(
    recorder: Recorder, govern: Govern, kinds: list[str], order: list[str]
) -> None:
    called = Called()
    governed = _governed(
        govern,
        called,
        [rule(kind, **FOR_UNIDENTIFIED) for kind in kinds if kind != "regex"]
        + [rule(kind, block=False) for kind in kinds if kind == "regex"],
    )
    assert called.during(governed) == order
    [event] = events_of(recorder, "/path")
    assert (event["user_id"], event["company_id"]) == ("ann", "acme")


@pytest.mark.parametrize("nothing", [None, "", 0])
def test_function_without_early_result_is_called_again(recorder: Recorder, govern: Govern, nothing: object) -> None:
    called = Called()
    called.user = lambda _app, _environ, headers: headers["X-Seen"] if headers else nothing
    governed = _governed(govern, called, [rule("user", **FOR_UNIDENTIFIED)])
    assert called.during(governed) == ["user", "application", "user", "company"]
    assert events_of(recorder, "/path")[0]["user_id"] == "1"


def test_blocked_call_is_identified_and_functions_are_called_once(recorder: Recorder, govern: Govern) -> None:
    called = Called()
    governed = _governed(govern, called, [rule("user")], {"user_rules": {"ann": [{"rules": "r"}]}})
    assert called.during(governed) == ["user", "company"]
    [event] = events_of(recorder, "/path")
    assert (event["blocked_by"], event["user_id"], event["company_id"]) == ("r", "ann", "acme")


@pytest.mark.only("WSGI")
def test_functions_get_the_documented_arguments(govern: Govern) -> None:
    called = Called()
    given: list[tuple[Any, ...]] = []

    def identify(*arguments: Any) -> str:
        given.append(arguments)
        return "ann"

    called.user = identify
    governed = _governed(govern, called, [rule("user", **FOR_UNIDENTIFIED)])
    given.clear()
    environ = make_environ("GET", "/path")
    request(governed, environ)
    [(app, seen, headers)] = given
    assert app == called.application
    assert seen is environ
    assert headers == {}


def test_function_with_two_parameters_gets_two(govern: Govern) -> None:
    governed = govern(
        [rule("user")], {"user_rules": {"ann": [{"rules": "r"}]}}, IDENTIFY_USER=lambda _app, _environ: "ann"
    )
    assert request(governed).status.startswith("402")


@pytest.mark.parametrize("restriction", [{"applied_to_unidentified": True}, {"applied_to": "not_matching"}], ids=str)
@pytest.mark.parametrize("kind", ["user", "company"])
def test_failed_function_does_not_make_caller_unidentified(
    govern: Govern, kind: str, restriction: dict[str, Any]
) -> None:
    called = Called()
    governed = _governed(govern, called, [rule(kind, **restriction)])

    def away(*_arguments: object) -> None:
        message = "the database is away"
        raise OSError(message)

    blocked = {"user": None, "company": None} if "applied_to_unidentified" in restriction else {}
    for who, result in blocked.items():
        setattr(called, who, lambda *_arguments, result=result: result)
    assert request(governed).status.startswith("402")
    setattr(called, kind, away)
    assert request(governed).status == "200 OK"
    # A user in the authorization header does not count instead.
    assert request(governed, make_environ(HTTP_AUTHORIZATION="Basic YW5uOng=")).status == "200 OK"


def test_raising_function_loses_its_result_and_is_logged_once(
    recorder: Recorder, govern: Govern, caplog: pytest.LogCaptureFixture
) -> None:
    called = Called()
    called.user = lambda _app, _environ, headers: headers["X-Seen"]
    governed = _governed(govern, called, [rule("user", **FOR_UNIDENTIFIED)])
    for _ in range(3):
        answer = request(governed, make_environ("GET", "/path"))
        # Rules for unidentified callers do not apply to a caller whose identification failed.
        assert (answer.status, answer.header("X-Nobody")) == ("200 OK", [])
    assert [event["user_id"] for event in events_of(recorder, "/path", 3)] == ["1", "1", "1"]
    messages = [record for record in caplog.records if "IDENTIFY_USER" in record.getMessage()]
    assert [record.name for record in messages] == ["moesif.callbacks"]
    assert "before the application was called" in messages[0].getMessage()
    assert messages[0].exc_info


@pytest.mark.parametrize("exit_class", [SystemExit, KeyboardInterrupt, GeneratorExit])
def test_system_exit_propagates_and_application_is_not_called(
    recorder: Recorder, govern: Govern, exit_class: type[BaseException]
) -> None:
    called = Called()
    governed = _governed(govern, called, [rule("user", **FOR_UNIDENTIFIED)])
    leave = exit_class()

    def exits(*_arguments: object) -> str:
        raise leave

    called.user = exits
    called.order.clear()
    with pytest.raises(exit_class) as raised:
        request(governed, make_environ("GET", "/path"))
    assert raised.value is leave
    assert called.order == ["user"]
    assert events_of(recorder, "/path")[0]["response"]["status"] == 500


@pytest.mark.parametrize("masks", [False, True])
def test_time_limit_in_an_early_function_ends_the_call_and_no_function_is_called_again(
    recorder: Recorder, govern: Govern, *, masks: bool
) -> None:
    called = Called()

    def mask(event: Any) -> Any:
        called.order.append("mask")
        return event

    # The functions that rules need come first.
    functions: dict[str, Any] = {
        "SKIP": lambda _app, _environ: called.order.append("skip"),
        "IDENTIFY_USER": called.identify_user,
        "IDENTIFY_COMPANY": called.identify_company,
    }
    functions |= {"MASK_EVENT_MODEL": mask} if masks else {}
    governed = govern([rule("user", **FOR_UNIDENTIFIED)], None, called.application, **functions)
    called.user = lambda *_arguments: interrupt()
    called.order.clear()
    # Django turns the exception into a response, as it does for a view.
    with suppress(TimeoutError):
        assert request(governed, make_environ("GET", "/path", HTTP_X_SECRET="s3cr3t")).status[:3] == "500"
    assert called.order == ["user"]
    [event] = events_of(recorder, "/path")
    assert event["response"]["status"] == 500
    assert ("s3cr3t" in str(event)) is not masks


def _read_all(environ: Environ) -> bytes:
    return bytes(environ["wsgi.input"].read())


def _read_a_part(environ: Environ) -> bytes:
    return bytes(environ["wsgi.input"].read(3))


def _read_by_line(environ: Environ) -> bytes:
    return b"".join(environ["wsgi.input"])


def _read_through_a_buffer(environ: Environ) -> bytes:
    stream = environ["wsgi.input"]
    return bytes(stream.read(1) + stream.readline() + stream.read())


def _read_and_replace(environ: Environ) -> bytes:
    body: bytes = environ["wsgi.input"].read()
    environ["wsgi.input"] = io.BytesIO(b"another body")
    return body


def _read_nothing(environ: Environ) -> bytes:
    assert environ["wsgi.input"]
    return b""


WAYS = [_read_all, _read_a_part, _read_by_line, _read_through_a_buffer, _read_and_replace, _read_nothing]
BODY = b'{"id":\n "ann"}'


@pytest.mark.only("WSGI")
@pytest.mark.parametrize("options", [{}, {"READ_REQUEST_BODY_FIRST": True}, {"LOG_BODY": False}], ids=str)
@pytest.mark.parametrize("way", WAYS)
def test_application_reads_whole_body_after_functions_read(
    recorder: Recorder, govern: Govern, way: Callable[[Environ], bytes], options: dict[str, Any]
) -> None:
    called = Called()
    read: list[bytes] = []

    def identify(_app: object, environ: Environ, _headers: object) -> str:
        read.append(way(environ))
        return ""

    called.user = called.company = identify
    functions = {"IDENTIFY_USER": called.identify_user, "IDENTIFY_COMPANY": called.identify_company}
    rules = [rule("user", **FOR_UNIDENTIFIED), rule("company", "c", **FOR_UNIDENTIFIED)]
    governed = govern(rules, {}, called.application, **functions, **options)
    read.clear()
    answer = request(governed, make_environ("POST", "/path", BODY, CONTENT_TYPE="application/json"))
    assert answer.body == BODY
    # Twice before the application and twice after it, each time from the start.
    assert read == [BODY[: len(read[0])]] * 4
    assert len(read[0]) in {0, 3, len(BODY)}
    [event] = events_of(recorder, "/path")
    assert event["request"].get("body") == (None if options.get("LOG_BODY") is False else {"id": "ann"})


@pytest.mark.parametrize(
    "variables",
    [
        {"HTTP_EXPECT": "100-continue"},
        {"CONTENT_LENGTH": str(10**7)},
        {"CONTENT_LENGTH": None, "HTTP_TRANSFER_ENCODING": "chunked", "wsgi_input_terminated": True},
    ],
    ids=["expects", "long", "chunked"],
)
@pytest.mark.only("WSGI")
def test_body_that_cannot_be_read_ahead_is_left_to_application(govern: Govern, variables: dict[str, Any]) -> None:
    called = Called()
    read: list[bytes] = []

    def identify(_app: object, environ: Environ, _headers: object) -> str:
        read.append(environ["wsgi.input"].read())
        return "ann"

    called.user = identify

    def application(environ: Environ, start_response: Any) -> list[bytes]:
        start_response("200 OK", [])
        return [environ["wsgi.input"].read()]

    governed = govern([rule("user", **FOR_UNIDENTIFIED)], {}, application, IDENTIFY_USER=called.identify_user)
    read.clear()
    assert request(governed, make_environ("POST", "/path", BODY, **variables)).body == BODY
    assert read == [b""]


@pytest.mark.only("WSGI")
def test_functions_find_parsed_body_if_known(govern: Govern) -> None:
    found: list[Any] = []

    def identify(_app: object, environ: Environ, _headers: object) -> str:
        found.append(environ.get("moesif.request_body"))
        return "ann"

    rules = [rule("user", **FOR_UNIDENTIFIED), rule(identifier="b", regex_config=when(body__id="eve"))]
    governed = govern(rules, IDENTIFY_USER=identify)
    found.clear()
    request(governed, make_environ("POST", "/path", BODY))
    assert found == [{"id": "ann"}]


class _Broken(io.BytesIO):
    def read(self, size: int | None = -1, /) -> bytes:
        data = super().read(4 if size is None or size < 0 else min(size, 4))
        if not data:
            message = "the client has gone"
            raise OSError(message)
        return data


@pytest.mark.only("WSGI")
def test_error_while_function_reads_is_raised_for_application_too(recorder: Recorder, govern: Govern) -> None:
    called = Called()

    def identify(_app: object, environ: Environ, _headers: object) -> str:
        return str(environ["wsgi.input"].read())

    called.user = identify
    governed = _governed(govern, called, [rule("user", **FOR_UNIDENTIFIED)])
    environ = make_environ("POST", "/path", b"", CONTENT_LENGTH="20", wsgi_input=_Broken(b"12345678"))
    with pytest.raises(OSError, match="the client has gone"):
        request(governed, environ)
    assert events_of(recorder, "/path")[0]["response"]["status"] == 500
