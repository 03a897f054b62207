"""An event matches the call it records (docs/guarantees.md, I-27)."""

from __future__ import annotations

import base64
import gzip
import json
import re
import time
import zlib
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

import pytest

from tests.gateway import Environ, answering, hello, make_environ, request

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.collector import Collector
    from tests.conftest import Serve, Wrap
    from tests.gate import Gate
    from tests.recorder import Event, Recorder


def _answering(body: bytes, *headers: tuple[str, str]) -> Any:
    return answering([body], *headers)


def _time(text: str) -> datetime:
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", text), text
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%f%z")


def test_fields_of_an_event(recorder: Recorder, wrap: Wrap) -> None:
    before = datetime.now(timezone.utc) - timedelta(milliseconds=1)
    request(
        wrap(_answering(b'{"made": [1, 2.50]}', ("Content-Type", "application/json")), API_VERSION="2.1"),
        make_environ(
            "PATCH",
            "/things/1",
            b'[{"a": "\xc3\xa9"}]',
            QUERY_STRING="x=1",
            CONTENT_TYPE="application/json",
            HTTP_X_API_KEY="k",
        ),
    )
    [event] = recorder.wait_for(1)
    after = datetime.now(timezone.utc)
    sent, answered = event["request"], event["response"]
    assert sent["verb"] == "PATCH"
    assert sent["uri"] == "http://api.example.com/things/1?x=1"
    assert sent["api_version"] == "2.1"
    assert sent["ip_address"] == "192.0.2.1"
    assert (sent["body"], sent["transfer_encoding"]) == ([{"a": "\xe9"}], "json")
    assert sent["headers"]["Content-Type"] == "application/json"
    assert sent["headers"]["X-Api-Key"] == "k"
    assert answered["status"] == 200
    assert (answered["body"], answered["transfer_encoding"]) == ({"made": [1, 2.5]}, "json")
    assert answered["headers"]["Content-Type"] == "application/json"
    assert before <= _time(sent["time"]) <= _time(answered["time"]) <= after
    assert event["direction"] == "Incoming"
    assert event["weight"] == 1


def test_event_is_stored_by_the_collector(serve: Serve, collector: Collector) -> None:
    running = serve("echo:app", "gunicorn-sync", to=collector)
    answer = running.request(
        "POST",
        "/echo?q=1",
        b'{"text": "hello"}',
        {"Content-Type": "application/json", "X-User": "ann", "X-Company": "acme"},
    )
    assert json.loads(answer.body) == {"text": "hello"}
    [row] = collector.wait_for(1)
    assert row["verb"] == "POST"
    assert row["uri"].endswith("/echo?q=1")
    assert row["status"] == 200
    assert (row["user_id"], row["company_id"]) == ("ann", "acme")
    assert row["direction"] == "Incoming"
    assert row["transaction_id"] == answer.headers["X-Moesif-Transaction-Id"]
    event = collector.event(row["id"])
    assert event["request"]["body"] == {"text": "hello"}
    assert event["response"]["body"] == {"text": "hello"}
    assert event["metadata"] == {"path": "/echo"}
    assert event["session_token"] == "session of ann"
    assert event["request"]["ip_address"] == "127.0.0.1"


@pytest.mark.parametrize("encoding", ["gzip", "GZIP", "x-gzip", "identity, gzip", "deflate", "deflate-raw"])
def test_compressed_json_is_recorded_as_json(recorder: Recorder, wrap: Wrap, encoding: str) -> None:
    document = json.dumps({"values": ["text"] * 100}).encode()
    if encoding == "deflate-raw":
        encoding = "deflate"
        compressor = zlib.compressobj(wbits=-15)
        body = compressor.compress(document) + compressor.flush()
    else:
        body = zlib.compress(document) if encoding == "deflate" else gzip.compress(document)
    answer = request(
        wrap(_answering(body, ("Content-Encoding", encoding))),
        make_environ("POST", "/", body, HTTP_CONTENT_ENCODING=encoding),
    )
    # The client still gets the compressed body.
    assert answer.body == body
    [event] = recorder.wait_for(1)
    for side in (event["request"], event["response"]):
        assert (side["body"], side["transfer_encoding"]) == (json.loads(document), "json")
        assert side["content_length"] == len(body)


@pytest.mark.parametrize(
    "body",
    [
        b"text",
        b"\x00\xff\xfe",
        b'{"a": 1',
        b'"a JSON string"',
        b"5",
        b"null",
        b"[1,]",
        b"{'a': 1}",
        b'{"a": NaN}',
        b" ",
    ],
    ids=repr,
)
def test_body_that_is_not_a_json_document_is_recorded_as_base64(recorder: Recorder, wrap: Wrap, body: bytes) -> None:
    request(wrap(_answering(body)), make_environ("POST", "/", body))
    [event] = recorder.wait_for(1)
    for side in (event["request"], event["response"]):
        assert side["transfer_encoding"] == "base64"
        assert base64.b64decode(side["body"]) == body
        assert "X-Moesif-Body-Truncated" not in side["headers"]


@pytest.mark.parametrize(
    "body", [b' \r\n\t{"a": 1}\n', b'\xef\xbb\xbf{"a": 1}', b'{"a": 1, "a": 1}', b'{"a": 1e0}'], ids=repr
)
def test_json_may_have_white_space_a_byte_order_mark_and_duplicate_keys(
    recorder: Recorder, wrap: Wrap, body: bytes
) -> None:
    request(wrap(_answering(body)), make_environ("POST", "/", body))
    [event] = recorder.wait_for(1)
    assert event["request"]["body"] == event["response"]["body"] == {"a": 1}


def test_numbers_beyond_a_double_stay_unchanged(recorder: Recorder, wrap: Wrap) -> None:
    body = b'{"n": 123456789012345678901234567890, "f": 0.1000000000000000055511151231257827}'
    request(wrap(_answering(body)))
    [event] = recorder.wait_for(1)
    assert event["response"]["body"]["n"] == 123456789012345678901234567890
    assert b"0.1000000000000000055511151231257827" in recorder.accepted[0].json


def test_deeply_nested_json_is_recorded_as_base64(recorder: Recorder, wrap: Wrap) -> None:
    bomb = b"[" * 100_000 + b"]" * 100_000
    request(wrap(_answering(bomb)), make_environ("POST", "/", bomb))
    [event] = recorder.wait_for(1)
    for side in (event["request"], event["response"]):
        assert side["transfer_encoding"] == "base64"
        assert base64.b64decode(side["body"]) == bomb


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
def test_compression_bomb_is_recorded_compressed(recorder: Recorder, wrap: Wrap, encoding: str) -> None:
    bomb = b"[" + b"0," * 50_000_000 + b"0]"
    body = zlib.compress(bomb) if encoding == "deflate" else gzip.compress(bomb)
    del bomb
    before = time.monotonic()
    request(wrap(_answering(body, ("Content-Encoding", encoding))))
    [event] = recorder.wait_for(1)
    assert time.monotonic() - before < 20
    assert event["response"]["transfer_encoding"] == "base64"
    assert base64.b64decode(event["response"]["body"]) == body


def test_body_with_a_wrong_content_encoding_is_recorded(recorder: Recorder, wrap: Wrap) -> None:
    for encoding in ("gzip", "deflate", "br", "gzip, gzip", ""):
        request(wrap(_answering(b"not compressed", ("Content-Encoding", encoding))))
    for event in recorder.wait_for(5):
        assert base64.b64decode(event["response"]["body"]) == b"not compressed"


def test_duplicate_headers_are_joined(recorder: Recorder, wrap: Wrap) -> None:
    fields = [
        ("Set-Cookie", "a=1"),
        ("X-A", "1"),
        ("set-cookie", "b=2; Path=/"),
        ("Vary", "x"),
        ("Vary", "y"),
    ]
    assert request(wrap(_answering(b"", *fields))).headers[:5] == fields
    [event] = recorder.wait_for(1)
    headers = {name.lower(): value for name, value in event["response"]["headers"].items()}
    assert headers["set-cookie"] == "a=1, b=2; Path=/"
    assert headers["vary"] == "x, y"
    assert headers["x-a"] == "1"


def test_request_header_names_are_capitalized(recorder: Recorder, wrap: Wrap) -> None:
    request(wrap(hello), make_environ(HTTP_X_API_V2KEY="1", HTTP_DNT="1", HTTP_CGI_AUTHORIZATION="Basic YW5uOng="))
    headers = recorder.wait_for(1)[0]["request"]["headers"]
    assert {"Host", "X-Api-V2Key", "Dnt", "Authorization"} <= set(headers)


def test_response_time_is_the_end_of_the_stream(recorder: Recorder, wrap: Wrap) -> None:
    def application(_environ: Environ, start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", [])
        yield b"a"
        # This sleep is the duration to measure.
        time.sleep(0.3)
        yield b"b"

    before = time.monotonic()
    request(wrap(application))
    took = time.monotonic() - before
    [event] = recorder.wait_for(1)
    duration = (_time(event["response"]["time"]) - _time(event["request"]["time"])).total_seconds()
    assert 0.3 <= duration + 0.002 <= took + 0.01


def test_stored_duration_includes_streaming(serve: Serve, collector: Collector, gate: Gate) -> None:
    running = serve("streaming:chunks", to=collector, variables=gate.environment)
    connection = running.connection()
    connection.request("GET", "/")
    answer = connection.getresponse()
    assert answer.read(5) == b"first"
    streamed = time.monotonic()
    while time.monotonic() - streamed < 0.25:
        time.sleep(0.05)
    gate.open()
    assert answer.read() == b"second"
    connection.close()
    [row] = collector.wait_for(1)
    assert row["duration_ms"] >= 250


def _bodies(event: Event) -> tuple[object, object]:
    return event["request"].get("body"), event["response"].get("body")


def test_log_body_false_records_no_body(recorder: Recorder, wrap: Wrap) -> None:
    application = wrap(_answering(b'{"secret": 1}'), LOG_BODY=False)
    assert request(application, make_environ("POST", "/", b'{"secret": 2}')).body == b'{"secret": 1}'
    [event] = recorder.wait_for(1)
    assert _bodies(event) == (None, None)
    assert "X-Moesif-Body-Truncated" not in event["response"]["headers"]
    assert b"secret" not in recorder.accepted[0].json


@pytest.mark.parametrize("limit", [0, 1, 3, 100])
def test_long_bodies_are_cut_and_marked_with_their_true_size(recorder: Recorder, wrap: Wrap, limit: int) -> None:
    body = bytes(range(200)) * 2
    answer = request(
        wrap(_answering(body), REQUEST_MAX_BODY_SIZE=limit, RESPONSE_MAX_BODY_SIZE=limit),
        make_environ("POST", "/", body),
    )
    assert answer.body == body
    assert answer.header("X-Moesif-Body-Truncated") == []
    [event] = recorder.wait_for(1)
    for side in (event["request"], event["response"]):
        recorded = side.get("body") or ""
        assert len(recorded) <= limit
        assert body.startswith(base64.b64decode(recorded))
        assert side["content_length"] == 400
        assert side["headers"]["X-Moesif-Body-Truncated"] == "1"


def test_json_body_above_the_limit_is_cut_as_base64(recorder: Recorder, wrap: Wrap) -> None:
    body = json.dumps(["text"] * 100).encode()
    request(wrap(_answering(body), RESPONSE_MAX_BODY_SIZE=len(body) - 1))
    request(wrap(_answering(body), RESPONSE_MAX_BODY_SIZE=len(body)))
    cut, whole = recorder.wait_for(2)
    assert cut["response"]["transfer_encoding"] == "base64"
    assert cut["response"]["headers"]["X-Moesif-Body-Truncated"] == "1"
    assert whole["response"]["body"] == json.loads(body)


def test_default_limits_keep_an_event_below_a_megabyte(recorder: Recorder, wrap: Wrap) -> None:
    body = bytes(range(256)) * 8192
    request(wrap(_answering(body)), make_environ("POST", "/", body))
    [event] = recorder.wait_for(1)
    assert len(recorder.accepted[0].json) < 1_000_000
    assert len(event["response"]["body"]) > 450_000


def test_verbs_are_recorded_unchanged(recorder: Recorder, wrap: Wrap) -> None:
    verbs = ["GET", "HEAD", "OPTIONS", "DELETE", "PROPFIND", "QUERY"]
    for verb in verbs:
        request(wrap(hello), make_environ(verb))
    assert [event["request"]["verb"] for event in recorder.wait_for(len(verbs))] == verbs
