"""``start_response`` and ``write`` behave like the server's (docs/guarantees.md, I-9)."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import pytest

from tests.gateway import Environ, Gateway, make_environ, request

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.conftest import Wrap
    from tests.recorder import Recorder

ID = "X-Moesif-Transaction-Id"


def test_header_list_of_application_is_not_changed(recorder: Recorder, wrap: Wrap) -> None:
    headers = [("X-B", "1"), ("Set-Cookie", "a=1"), ("X-A", "2"), ("Set-Cookie", "b=2"), ("x-b", "3")]
    before = list(headers)

    def application(_environ: Environ, start_response: Any) -> list[bytes]:
        start_response("200 OK", headers)
        return []

    middleware = wrap(application)
    for _ in range(2):
        answer = request(middleware)
        assert headers == before
        # The server gets the same headers in the same order, then ours.
        assert answer.headers[:-1] == before
        assert answer.headers[-1][0] == ID
        assert answer.headers is not headers
    assert len(recorder.wait_for(2)) == 2


@pytest.mark.parametrize("kind", [tuple, list, iter], ids=lambda kind: kind.__name__)
def test_headers_may_be_any_sequence(recorder: Recorder, wrap: Wrap, kind: Callable[[Any], Any]) -> None:
    def application(_environ: Environ, start_response: Any) -> list[bytes]:
        start_response("201 Created", kind([("X-A", "1"), ("X-B", "2")]))
        return [b"x"]

    answer = request(wrap(application))
    assert answer.headers[:2] == [("X-A", "1"), ("X-B", "2")]
    [event] = recorder.wait_for(1)
    assert event["response"]["status"] == 201
    assert event["response"]["headers"]["X-B"] == "2"


@pytest.mark.parametrize("by_keyword", [False, True], ids=["positional", "keyword"])
def test_exc_info_replaces_first_status_and_headers(recorder: Recorder, wrap: Wrap, *, by_keyword: bool) -> None:
    def application(_environ: Environ, start_response: Any) -> list[bytes]:
        try:
            start_response("200 OK", [("X-First", "1")])
            raise ValueError  # noqa: TRY301
        except ValueError:
            head = "500 Internal Server Error", [("X-Second", "2")]
            if by_keyword:
                start_response(*head, exc_info=sys.exc_info())
            else:
                start_response(*head, sys.exc_info())
        return [b"sorry"]

    answer = request(wrap(application))
    assert answer.status == "500 Internal Server Error"
    assert answer.headers[0] == ("X-Second", "2")
    assert answer.header(ID) != []
    [event] = recorder.wait_for(1)
    assert event["response"]["status"] == 500
    assert "X-Second" in event["response"]["headers"]
    assert "X-First" not in event["response"]["headers"]
    assert event["response"]["headers"][ID] == answer.header(ID)[0]


def test_exc_info_after_headers_were_sent_raises_exception_of_application(recorder: Recorder, wrap: Wrap) -> None:
    failure = ValueError("too late")

    def application(_environ: Environ, start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", [("X-First", "1")])
        yield b"partial"
        try:
            raise failure
        except ValueError:
            start_response("500 Internal Server Error", [("X-Second", "2")], sys.exc_info())
        yield b"never"

    gateway = Gateway()
    with pytest.raises(ValueError, match="too late") as raised:
        gateway.run(wrap(application), make_environ())
    assert raised.value is failure
    assert (gateway.status, gateway.body) == ("200 OK", b"partial")
    [event] = recorder.wait_for(1)
    assert event["response"]["status"] == 500
    # The headers that were sent are recorded.
    assert event["response"]["headers"]["X-First"] == "1"
    assert event["response"]["content_length"] == 7


def test_second_start_response_without_exc_info_is_refused_and_not_recorded(recorder: Recorder, wrap: Wrap) -> None:
    def application(_environ: Environ, start_response: Any) -> list[bytes]:
        start_response("200 OK", [("X-First", "1")])
        with pytest.raises(AssertionError, match="called again"):
            start_response("201 Created", [("X-Second", "2")])
        return [b""]

    assert request(wrap(application)).status == "200 OK"
    [event] = recorder.wait_for(1)
    assert event["response"]["status"] == 200
    assert "X-Second" not in event["response"]["headers"]


def test_write_works_and_is_recorded(recorder: Recorder, wrap: Wrap) -> None:
    def application(_environ: Environ, start_response: Any) -> list[bytes]:
        write = start_response("200 OK", [("Content-Type", "application/json")])
        assert write(b'{"written": ') is None
        write(b"true, ")
        return [b'"returned": true}']

    assert request(wrap(application)).body == b'{"written": true, "returned": true}'
    [event] = recorder.wait_for(1)
    assert event["response"]["body"] == {"written": True, "returned": True}


def test_start_response_may_be_called_with_first_chunk(recorder: Recorder, wrap: Wrap) -> None:
    def application(_environ: Environ, start_response: Any) -> Iterator[bytes]:
        start_response("202 Accepted", [("X-Late", "1")])
        yield b"late"

    gateway = Gateway()
    result = wrap(application)(make_environ(), gateway.start_response)
    assert gateway.status == ""
    assert list(result) == [b"late"]
    assert gateway.status == "202 Accepted"
    result.close()  # type: ignore[attr-defined]
    [event] = recorder.wait_for(1)
    assert event["response"]["status"] == 202
    assert event["response"]["headers"]["X-Late"] == "1"


def test_application_without_start_response_is_passed_on(recorder: Recorder, wrap: Wrap) -> None:
    def application(_environ: Environ, _start_response: Any) -> list[bytes]:
        return [b"no head"]

    answer = request(wrap(application))
    assert (answer.status, answer.headers, answer.body) == ("", [], b"no head")
    [event] = recorder.wait_for(1)
    assert "response" not in event


def test_start_response_accepts_keywords_if_server_does(recorder: Recorder, wrap: Wrap) -> None:
    def application(_environ: Environ, start_response: Any) -> list[bytes]:
        start_response(status="200 OK", headers=[("X-A", "1")], exc_info=None)
        return []

    assert request(wrap(application)).header("X-A") == ["1"]
    assert len(recorder.wait_for(1)) == 1


@pytest.mark.parametrize(
    "arguments",
    [("200 OK",), (), ("200 OK", [], None, None), ("200 OK", None), ("200 OK", "text"), ("200 OK", 5)],
    ids=repr,
)
def test_arguments_that_server_refuses_are_refused(recorder: Recorder, wrap: Wrap, arguments: tuple[Any, ...]) -> None:
    def strict(status: str, headers: list[tuple[str, str]], exc_info: object = None) -> None:
        del status, exc_info
        if not isinstance(headers, list):
            message = "headers must be a list"
            raise TypeError(message)

    def application(_environ: Environ, start_response: Any) -> list[bytes]:
        with pytest.raises(TypeError):
            start_response(*arguments)
        return []

    assert wrap(application)(make_environ(), strict) == []  # type: ignore[arg-type]
    assert len(recorder.wait_for(1)) == 1


@pytest.mark.parametrize("status", ["200", "299 Odd", "599 Own", "abc", "", "99999 No"], ids=repr)
def test_any_status_text_is_passed_on(recorder: Recorder, wrap: Wrap, status: str) -> None:
    def application(_environ: Environ, start_response: Any) -> list[bytes]:
        start_response(status, [])
        return [b"x"]

    assert request(wrap(application)).status == status
    [event] = recorder.wait_for(1)
    code = status.partition(" ")[0]
    if code.isdigit() and int(code) < 65536:
        assert event["response"]["status"] == int(code)
    else:
        assert "response" not in event
