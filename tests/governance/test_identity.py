"""Functions that say who calls, asked before the application (docs/guarantees.md, I-10 and I-19)."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import pytest

from tests.gateway import Environ, make_environ, request
from tests.governance.rules import events_of, rule, when

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.governance.conftest import Govern
    from tests.recorder import Recorder


class Asked:
    """Who was asked, in which order; ``user`` and ``company`` decide what is answered."""

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


def _governed(govern: Govern, asked: Asked, rules: list[Any], config: dict[str, Any] | None = None) -> Any:
    functions = {"IDENTIFY_USER": asked.identify_user, "IDENTIFY_COMPANY": asked.identify_company}
    return govern(rules, config, asked.application, **functions)


NOBODY: dict[str, Any] = {"applied_to_unidentified": True, "block": False, "response": {"headers": {"X-Nobody": "1"}}}


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
def test_a_function_is_asked_once_and_early_only_for_rules_of_its_kind(
    recorder: Recorder, govern: Govern, kinds: list[str], order: list[str]
) -> None:
    asked = Asked()
    governed = _governed(
        govern,
        asked,
        [rule(kind, **NOBODY) for kind in kinds if kind != "regex"]
        + [rule(kind, block=False) for kind in kinds if kind == "regex"],
    )
    assert asked.during(governed) == order
    [event] = events_of(recorder, "/path")
    assert (event["user_id"], event["company_id"]) == ("ann", "acme")


@pytest.mark.parametrize("nothing", [None, "", 0])
def test_who_said_nothing_before_is_asked_once_more_after(recorder: Recorder, govern: Govern, nothing: object) -> None:
    asked = Asked()
    asked.user = lambda _app, _environ, headers: headers["X-Seen"] if headers else nothing
    governed = _governed(govern, asked, [rule("user", **NOBODY)])
    assert asked.during(governed) == ["user", "application", "user", "company"]
    assert events_of(recorder, "/path")[0]["user_id"] == "1"


def test_a_blocked_call_names_everybody_and_asks_nobody_twice(recorder: Recorder, govern: Govern) -> None:
    asked = Asked()
    governed = _governed(govern, asked, [rule("user")], {"user_rules": {"ann": [{"rules": "r"}]}})
    assert asked.during(governed) == ["user", "company"]
    [event] = events_of(recorder, "/path")
    assert (event["blocked_by"], event["user_id"], event["company_id"]) == ("r", "ann", "acme")


@pytest.mark.only("WSGI")
def test_functions_find_their_arguments(govern: Govern) -> None:
    asked = Asked()
    given: list[tuple[Any, ...]] = []

    def identify(*arguments: Any) -> str:
        given.append(arguments)
        return "ann"

    asked.user = identify
    governed = _governed(govern, asked, [rule("user", **NOBODY)])
    given.clear()
    environ = make_environ("GET", "/path")
    request(governed, environ)
    [(app, seen, headers)] = given
    assert app == asked.application
    assert seen is environ
    assert headers == {}


def test_a_function_of_two_parameters_is_asked_with_two(govern: Govern) -> None:
    governed = govern(
        [rule("user")], {"user_rules": {"ann": [{"rules": "r"}]}}, IDENTIFY_USER=lambda _app, _environ: "ann"
    )
    assert request(governed).status.startswith("402")


@pytest.mark.parametrize("restriction", [{"applied_to_unidentified": True}, {"applied_to": "not_matching"}], ids=str)
@pytest.mark.parametrize("kind", ["user", "company"])
def test_who_cannot_be_asked_about_is_not_nobody(govern: Govern, kind: str, restriction: dict[str, Any]) -> None:
    asked = Asked()
    governed = _governed(govern, asked, [rule(kind, **restriction)])

    def away(*_arguments: object) -> None:
        message = "the database is away"
        raise OSError(message)

    blocked = {"user": None, "company": None} if "applied_to_unidentified" in restriction else {}
    for who, result in blocked.items():
        setattr(asked, who, lambda *_arguments, result=result: result)
    assert request(governed).status.startswith("402")
    setattr(asked, kind, away)
    assert request(governed).status == "200 OK"
    # The headers name somebody, in a way that rules may know nothing of.
    assert request(governed, make_environ(HTTP_AUTHORIZATION="Basic YW5uOng=")).status == "200 OK"


def test_a_function_that_raises_costs_its_result_and_is_logged_once(
    recorder: Recorder, govern: Govern, caplog: pytest.LogCaptureFixture
) -> None:
    asked = Asked()
    asked.user = lambda _app, _environ, headers: headers["X-Seen"]
    governed = _governed(govern, asked, [rule("user", **NOBODY)])
    for _ in range(3):
        answer = request(governed, make_environ("GET", "/path"))
        # Who it is nobody knows: that is not to be nobody.
        assert (answer.status, answer.header("X-Nobody")) == ("200 OK", [])
    assert [event["user_id"] for event in events_of(recorder, "/path", 3)] == ["1", "1", "1"]
    messages = [record for record in caplog.records if "IDENTIFY_USER" in record.getMessage()]
    assert [record.name for record in messages] == ["moesif.callbacks"]
    assert "before the application was called" in messages[0].getMessage()
    assert messages[0].exc_info


@pytest.mark.parametrize("exit_class", [SystemExit, KeyboardInterrupt, GeneratorExit])
def test_an_exit_goes_on_its_way_and_the_application_is_not_called(
    recorder: Recorder, govern: Govern, exit_class: type[BaseException]
) -> None:
    asked = Asked()
    governed = _governed(govern, asked, [rule("user", **NOBODY)])
    leave = exit_class()

    def exits(*_arguments: object) -> str:
        asked.user = lambda *_arguments: "ann"
        raise leave

    asked.user = exits
    asked.order.clear()
    with pytest.raises(exit_class) as raised:
        request(governed, make_environ("GET", "/path"))
    assert raised.value is leave
    assert "application" not in asked.order
    assert events_of(recorder, "/path")[0]["response"]["status"] == 500


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
    environ["wsgi.input"] = io.BytesIO(b"somebody else's")
    return body


def _look(environ: Environ) -> bytes:
    assert environ["wsgi.input"]
    return b""


WAYS = [_read_all, _read_a_part, _read_by_line, _read_through_a_buffer, _read_and_replace, _look]
BODY = b'{"id":\n "ann"}'


@pytest.mark.only("WSGI")
@pytest.mark.parametrize("options", [{}, {"READ_REQUEST_BODY_FIRST": True}, {"LOG_BODY": False}], ids=str)
@pytest.mark.parametrize("way", WAYS)
def test_the_application_reads_its_body_whatever_functions_have_read(
    recorder: Recorder, govern: Govern, way: Callable[[Environ], bytes], options: dict[str, Any]
) -> None:
    asked = Asked()
    read: list[bytes] = []

    def identify(_app: object, environ: Environ, _headers: object) -> str:
        read.append(way(environ))
        return ""

    asked.user = asked.company = identify
    functions = {"IDENTIFY_USER": asked.identify_user, "IDENTIFY_COMPANY": asked.identify_company}
    rules = [rule("user", **NOBODY), rule("company", "c", **NOBODY)]
    governed = govern(rules, {}, asked.application, **functions, **options)
    read.clear()
    answer = request(governed, make_environ("POST", "/path", BODY, CONTENT_TYPE="application/json"))
    assert answer.body == BODY
    # Twice before the application, twice after, each from the start.
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
def test_a_body_that_may_not_be_read_ahead_is_left_to_the_application(
    govern: Govern, variables: dict[str, Any]
) -> None:
    asked = Asked()
    read: list[bytes] = []

    def identify(_app: object, environ: Environ, _headers: object) -> str:
        read.append(environ["wsgi.input"].read())
        return "ann"

    asked.user = identify

    def application(environ: Environ, start_response: Any) -> list[bytes]:
        start_response("200 OK", [])
        return [environ["wsgi.input"].read()]

    governed = govern([rule("user", **NOBODY)], {}, application, IDENTIFY_USER=asked.identify_user)
    read.clear()
    assert request(governed, make_environ("POST", "/path", BODY, **variables)).body == BODY
    assert read == [b""]


@pytest.mark.only("WSGI")
def test_functions_find_the_parsed_body_where_it_is_known(govern: Govern) -> None:
    found: list[Any] = []

    def identify(_app: object, environ: Environ, _headers: object) -> str:
        found.append(environ.get("moesif.request_body"))
        return "ann"

    rules = [rule("user", **NOBODY), rule(identifier="b", regex_config=when(body__id="eve"))]
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
def test_an_error_while_a_function_reads_is_met_by_the_application_too(recorder: Recorder, govern: Govern) -> None:
    asked = Asked()

    def identify(_app: object, environ: Environ, _headers: object) -> str:
        return str(environ["wsgi.input"].read())

    asked.user = identify
    governed = _governed(govern, asked, [rule("user", **NOBODY)])
    environ = make_environ("POST", "/path", b"", CONTENT_LENGTH="20", wsgi_input=_Broken(b"12345678"))
    with pytest.raises(OSError, match="the client has gone"):
        request(governed, environ)
    assert events_of(recorder, "/path")[0]["response"]["status"] == 500
