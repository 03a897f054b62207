"""Rules that do not block set headers of the application's response (docs/wire-contract.md, Governance; I-9)."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any
from wsgiref.validate import validator

import pytest

from tests.gateway import Environ, Gateway, make_environ, request
from tests.governance.rules import events_of, rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.governance.conftest import Govern
    from tests.recorder import Recorder

ID = "X-Moesif-Transaction-Id"


def _setting(headers: object, kind: str = "regex", **fields: Any) -> dict[str, Any]:
    return rule(kind, block=False, response={"headers": headers}, **fields)


FIELDS = [
    ("X-B", "1"),
    ("Set-Cookie", "a=1"),
    ("X-Limit", "application"),
    ("X-A", "2"),
    ("Set-Cookie", "a=1"),
    ("x-limit", "again"),
    ("X-B", "1"),
    ("Content-Type", "text/plain"),
]


def application(_environ: Environ, start_response: Any) -> list[bytes]:
    start_response("200 OK", FIELDS)
    return [b"hello"]


@pytest.mark.only("WSGI")
def test_a_rule_header_replaces_only_headers_of_its_name(recorder: Recorder, govern: Govern) -> None:
    before = list(FIELDS)
    governed = govern([_setting({"X-LIMIT": "10", "X-New": "é"})], {}, application)
    answer = request(governed, make_environ("GET", "/path"))
    kept = [field for field in FIELDS if field[0].lower() != "x-limit"]
    assert answer.headers[:-3] == kept
    assert sorted(answer.headers[-3:-1]) == [("X-LIMIT", "10"), ("X-New", "Ã©")]
    assert answer.headers[-1][0] == ID
    assert (answer.status, answer.body, FIELDS) == ("200 OK", b"hello", before)
    [event] = events_of(recorder, "/path")
    headers = event["response"]["headers"]
    assert (headers["X-LIMIT"], headers["X-New"], headers["Set-Cookie"]) == ("10", "é", "a=1, a=1")
    assert "blocked_by" not in event


@pytest.mark.only("WSGI")
def test_headers_are_unchanged_if_no_rule_applies(govern: Govern) -> None:
    governed = govern([_setting({"X-Limit": "10"}, "user")], {}, application)
    assert request(governed).headers[:-1] == FIELDS


@pytest.mark.only("WSGI")
def test_cookie_of_rule_is_added(govern: Govern) -> None:
    governed = govern([_setting({"set-cookie": "rule=1"})], {}, application)
    assert request(governed).header("Set-Cookie") == ["a=1", "a=1", "rule=1"]


def test_later_rule_wins(govern: Govern) -> None:
    rules = [
        _setting({"X-Limit": "user", "X-User": "1"}, "user", applied_to_unidentified=True),
        _setting({"x-limit": "call", "X-Call": "1"}),
    ]
    answer = request(govern(rules, {}, application))
    assert answer.header("X-Limit") == ["user"]
    assert (answer.header("X-User"), answer.header("X-Call")) == (["1"], ["1"])


def test_transaction_id_of_rule_is_the_only_one(govern: Govern) -> None:
    answer = request(govern([_setting({ID.lower(): "of-the-rule"})], {}, application))
    assert answer.header(ID) == ["of-the-rule"]


@pytest.mark.only("WSGI")
def test_second_start_response_gets_rule_headers(recorder: Recorder, govern: Govern) -> None:
    def failing(_environ: Environ, start_response: Any) -> list[bytes]:
        try:
            start_response("200 OK", [("X-Limit", "first"), ("X-First", "1")])
            raise ValueError  # noqa: TRY301
        except ValueError:
            start_response("500 Sorry", [("X-Limit", "second")], sys.exc_info())
        return [b"sorry"]

    answer = request(govern([_setting({"X-Limit": "rule"})], {}, failing), make_environ("GET", "/path"))
    assert answer.header("X-Limit") == ["rule"]
    assert (answer.status, answer.header("X-First")) == ("500 Sorry", [])
    [event] = events_of(recorder, "/path")
    assert event["response"]["headers"]["X-Limit"] == "rule"


def _written(_environ: Environ, start_response: Any) -> list[bytes]:
    write = start_response("200 OK", [("X-Limit", "application")])
    write(b"hel")
    return [b"lo"]


def _streamed(_environ: Environ, start_response: Any) -> Iterator[bytes]:
    start_response("200 OK", [("X-Limit", "application")])
    yield b"hel"
    yield b"lo"


@pytest.mark.parametrize("application", [_written, _streamed])
def test_every_kind_of_response_gets_rule_headers(govern: Govern, application: Any) -> None:
    answer = request(govern([_setting({"X-Limit": "rule"})], {}, application))
    assert (answer.header("X-Limit"), answer.body) == (["rule"], b"hello")


@pytest.mark.parametrize(
    "value",
    ["x\r\nSet-Cookie: stolen=1", "x\n", "\r", "x\0y", "x\x7f", "a\tb", "é\r\n\r\n<html>"],
    ids=ascii,
)
def test_value_with_line_break_is_left_out(govern: Govern, value: str) -> None:
    """White space around a value is removed. A header with a control character inside its value is left out."""
    variables: dict[str, Any] = {"variables": [{"name": "0"}], "applied_to": "matching"}
    rules = [_setting({"X-Value": "a{{0}}b", "X-End": "{{0}}", "X-Good": "1"}, "user", **variables)]
    config = {"user_rules": {"ann": [{"rules": "r", "values": {"0": value}}]}}
    governed = govern(rules, config, application, IDENTIFY_USER=lambda *_arguments: "ann")
    gateway = Gateway()
    result = validator(governed)(make_environ("GET", "/path"), gateway.start_response)
    assert b"".join(result) == b"hello"
    result.close()  # type: ignore[attr-defined]
    assert gateway.header("X-Good") == ["1"]
    assert gateway.header("X-Value") == []
    for name, text in gateway.headers:
        assert not [character for character in name + text if ord(character) < 32]


@pytest.mark.parametrize(
    "name",
    [
        "Connection",
        "Transfer-Encoding",
        "Content-Length",
        "Keep-Alive",
        "Upgrade",
        "TE",
        "Status",
        "",
        "a b",
        "a:b",
        "é",
        "a\r\nb",
    ],
    ids=ascii,
)
def test_rule_cannot_set_headers_of_connection(govern: Govern, name: str) -> None:
    governed = govern([_setting({name: "1", "X-Good": "1"})], {}, application)
    answer = request(governed)
    assert answer.header("X-Good") == ["1"]
    assert not [field for field in answer.headers if field[0].lower() == name.lower()]


def test_header_beyond_latin_1_is_sent_as_utf_8(recorder: Recorder, govern: Govern) -> None:
    answer = request(govern([_setting({"X-Name": "日本 é"})], {}, application), make_environ("GET", "/path"))
    assert answer.header("X-Name")[0].encode("latin-1").decode() == "日本 é"
    [event] = events_of(recorder, "/path")
    assert event["response"]["headers"]["X-Name"] == "日本 é"
