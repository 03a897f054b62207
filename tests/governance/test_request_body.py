"""Request bodies are read ahead only if a rule looks at them (docs/guarantees.md, I-10 and I-16)."""

from __future__ import annotations

import gzip
import io
from typing import TYPE_CHECKING, Any

import pytest

from tests.gateway import Environ, make_environ, request
from tests.governance.rules import events_of, rule, when

if TYPE_CHECKING:
    from tests.governance.conftest import Govern
    from tests.recorder import Recorder

ON_BODY = rule(regex_config=when(body__a="1"))
BODY = b'{"a": 1}'
OTHER = b'{"a": 2}'


class Watched(io.BytesIO):
    """A body that counts its reads."""

    reads = 0

    def read(self, size: int | None = -1, /) -> bytes:
        self.reads += 1
        return super().read(size)


def unread(_environ: Environ, start_response: Any) -> list[bytes]:
    start_response("401 Unauthorized", [])
    return [b"unauthorized"]


def echo(environ: Environ, start_response: Any) -> list[bytes]:
    start_response("200 OK", [])
    stream = environ["wsgi.input"]
    return [stream.read(3), stream.readline(), stream.read()]


@pytest.mark.parametrize(
    ("rules", "reads"),
    [
        ([ON_BODY], True),
        ([rule(regex_config=when(verb="PUT")), rule("user")], False),
        # These rules can never apply.
        ([rule(regex_config=when(body__a="("))], False),
        ([rule(regex_config=when(body__a="1", colour="x"))], False),
    ],
    ids=["body", "others", "no pattern", "no field"],
)
def test_body_is_read_only_if_a_rule_looks_at_it(govern: Govern, rules: list[Any], *, reads: bool) -> None:
    governed = govern(rules, {}, unread)
    body = Watched(OTHER)
    request(governed, make_environ("POST", "/path", OTHER, wsgi_input=body))
    assert (body.reads > 0) is reads


@pytest.mark.parametrize(
    "variables",
    [
        {"HTTP_EXPECT": "100-continue"},
        {"CONTENT_LENGTH": str(10**7)},
        {"CONTENT_LENGTH": "-1"},
        {"CONTENT_LENGTH": "many"},
        {"CONTENT_LENGTH": None, "HTTP_TRANSFER_ENCODING": "chunked", "wsgi_input_terminated": True},
    ],
    ids=["expects", "long", "negative", "malformed", "chunked"],
)
def test_body_that_cannot_be_read_ahead_does_not_match(govern: Govern, variables: dict[str, Any]) -> None:
    governed = govern([ON_BODY], {}, unread)
    body = Watched(BODY)
    answer = request(governed, make_environ("POST", "/path", BODY, wsgi_input=body, **variables))
    assert (answer.status, body.reads) == ("401 Unauthorized", 0)


@pytest.mark.parametrize("limit", [len(BODY), len(BODY) - 1])
def test_limit_is_request_max_body_size(govern: Govern, limit: int) -> None:
    governed = govern([ON_BODY], {}, echo, REQUEST_MAX_BODY_SIZE=limit)
    assert request(governed, make_environ("POST", "/path", BODY)).body == (b'"r"' if limit == len(BODY) else BODY)


@pytest.mark.parametrize("log_body", [True, False])
@pytest.mark.parametrize("body", [OTHER, b"", b"\xff\n\xfe", b"{" * 5000])
def test_the_application_reads_the_same_bytes(
    recorder: Recorder, govern: Govern, body: bytes, *, log_body: bool
) -> None:
    governed = govern([ON_BODY], {}, echo, LOG_BODY=log_body)
    answer = request(governed, make_environ("POST", "/path", body))
    assert (answer.status, answer.body) == ("200 OK", body)
    [event] = events_of(recorder, "/path")
    assert ("body" in event["request"]) is (log_body and body != b"")
    assert event["request"]["content_length"] == len(body)


def test_body_beyond_limit_when_decompressed_does_not_match(govern: Govern) -> None:
    bomb = gzip.compress(b'{"a": 1, "b": "' + b" " * 2_000_000 + b'"}')
    governed = govern([ON_BODY], {}, unread)
    assert request(governed, make_environ("POST", "/path", bomb, HTTP_CONTENT_ENCODING="gzip")).status[:3] == "401"


def test_error_while_reading_ahead_is_raised_when_application_reads(govern: Govern) -> None:
    class Broken(io.BytesIO):
        def read(self, _size: int | None = -1, /) -> bytes:
            message = "the client has gone"
            raise OSError(message)

    raised: list[str] = []

    def application(environ: Environ, start_response: Any) -> list[bytes]:
        try:
            environ["wsgi.input"].read()
        except OSError as error:
            raised.append(str(error))
        start_response("200 OK", [])
        return []

    governed = govern([ON_BODY], {}, application)
    request(governed, make_environ("POST", "/path", BODY, wsgi_input=Broken()))
    assert raised == ["the client has gone"]
