"""Masked data never leaves the process, even if masking fails (docs/guarantees.md, I-24)."""

from __future__ import annotations

import copy
import gzip
import logging
import time
from typing import TYPE_CHECKING, Any

import pytest

import moesif
from tests.gateway import Environ, answering, make_environ, request
from tests.parity.functions import documented_mask
from tests.remote.config import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.conftest import Wrap
    from tests.recorder import Recorder

SECRET = "s3cr3t"
Event = dict[str, Any]


def _answering(body: bytes, *headers: tuple[str, str]) -> Any:
    return answering([body], ("X-Answer", "kept"), *headers)


def _clear(part: str, field: str | None = None) -> Callable[[Any], Any]:
    def mask(event: Any) -> Any:
        setattr(event if field is None else getattr(event, part), field or part, None)
        return event

    return mask


def _call(application: Any, body: bytes = b'{"password": "s3cr3t", "kept": 1.50}', **environ: Any) -> None:
    environ = {"QUERY_STRING": f"kept=1&token={SECRET}", "HTTP_AUTHORIZATION": SECRET} | environ
    request(application, make_environ("POST", "/p", body, **environ))


def test_mask_lists_remove_headers_keys_and_parameters(recorder: Recorder, wrap: Wrap) -> None:
    application = wrap(
        _answering(b'[{"a": {"token": "s3cr3t"}}, {"kept": true}]', ("Set-Cookie", SECRET)),
        REQUEST_HEADER_MASKS=["authorization"],
        RESPONSE_HEADER_MASKS="SET-COOKIE, X-Other",
        REQUEST_BODY_MASKS=("password",),
        RESPONSE_BODY_MASKS=["a.token"],
        REQUEST_QUERY_MASKS=["token"],
    )
    _call(application)
    [event] = recorder.wait_for(1)
    assert SECRET.encode() not in recorder.accepted[0].json
    assert event["request"]["uri"] == "http://api.example.com/p?kept=1"
    assert event["request"]["body"] == {"kept": 1.5}
    assert event["response"]["body"] == [{"a": {}}, {"kept": True}]
    assert event["response"]["headers"]["X-Answer"] == "kept"
    assert b'"kept": 1.50' in recorder.accepted[0].json


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (b"password=s3cr3t", {}),
        (b'{"password": "s3cr3t"', {}),
        (b"[" * 500 + b'{"password": "s3cr3t"}' + b"]" * 500, {}),
        (gzip.compress(b'{"password": "s3cr3t"}')[:-4], {"HTTP_CONTENT_ENCODING": "gzip"}),
        (b'{"kept": "' + b"x" * 2000 + b'", "password": "s3cr3t"}', {}),
        (b'{"password": "s3cr3t", "\\ud800": 1}', {}),
    ],
    ids=["form", "cut off", "too deep", "broken gzip", "over the limit", "invalid key"],
)
def test_body_that_cannot_be_masked_is_left_out_and_counted(
    recorder: Recorder, wrap: Wrap, body: bytes, headers: dict[str, str]
) -> None:
    removed = moesif.stats()["bodies_removed"]
    application = wrap(_answering(b"{}"), REQUEST_BODY_MASKS=["password"], REQUEST_MAX_BODY_SIZE=1500)
    _call(application, body, **headers)
    [event] = recorder.wait_for(1)
    assert "body" not in event["request"]
    assert event["request"]["content_length"] == len(body)
    assert event["response"]["body"] == {}
    deadline = time.monotonic() + 30
    while moesif.stats()["bodies_removed"] == removed:
        assert time.monotonic() < deadline
    assert moesif.stats()["bodies_removed"] == removed + 1


def test_mask_function_changes_the_event(recorder: Recorder, wrap: Wrap) -> None:
    def mask(event: Any) -> Any:
        assert event.request.headers["authorization"] == SECRET
        assert "AUTHORIZATION" in event.request.headers
        assert event.request.headers.pop("AUTHORIZATION") == SECRET
        assert "Authorization" not in event.request.headers
        event.request.uri = event.request.uri.partition("?")[0]
        del event.request.body["password"]
        event.response.body["password"] = None
        event.metadata = {"masked": True, "level": float("nan")}
        event.user_id = "somebody"
        return event

    _call(wrap(_answering(b'{"password": "s3cr3t"}'), MASK_EVENT_MODEL=mask))
    [event] = recorder.wait_for(1)
    assert SECRET.encode() not in recorder.accepted[0].json
    assert event["request"]["uri"] == "http://api.example.com/p"
    assert event["request"]["body"] == {"kept": 1.5}
    assert event["response"]["body"] == {"password": None}
    assert event["metadata"] == {"masked": True, "level": None}
    assert event["user_id"] == "somebody"
    assert event["response"]["headers"]["X-Moesif-Transaction-Id"] == event["transaction_id"]


def test_mask_function_cannot_set_the_weight(recorder: Recorder, wrap: Wrap) -> None:
    def mask(event: Any) -> Any:
        assert event.weight is None
        event.weight = 17
        return event

    _call(wrap(_answering(b"{}"), MASK_EVENT_MODEL=mask))
    _call(wrap(_answering(b"{}"), MASK_EVENT_MODEL=lambda event: mask(event).to_dictionary()))
    assert [event["weight"] for event in recorder.wait_for(2)] == [1, 1]


def test_mask_function_cannot_remove_the_transaction_id(recorder: Recorder, wrap: Wrap) -> None:
    def mask(event: Any) -> Any:
        event.transaction_id = None
        return event

    _call(wrap(_answering(b"{}"), MASK_EVENT_MODEL=mask))
    [event] = recorder.wait_for(1)
    assert event["transaction_id"] == event["response"]["headers"]["X-Moesif-Transaction-Id"]


def test_mask_function_preserves_the_text_of_numbers(recorder: Recorder, wrap: Wrap) -> None:
    numbers = ["1.10", "1e400", "-1E5", "-0", "0.1000000000000000055511151231257827", "9" * 5000, "12"]
    body = f"[{','.join(numbers)}]".encode()

    def mask(event: Any) -> Any:
        assert (event.response.body[0], event.response.body[6]) == (1.1, 12)
        return copy.deepcopy(event)

    _call(wrap(_answering(body), MASK_EVENT_MODEL=mask))
    wait_until(lambda: len(recorder.accepted) == 1, "the event is delivered")
    assert body in recorder.accepted[0].json.replace(b" ", b"")


def _set(name: str, value: object) -> Any:
    def mask(event: Any) -> Any:
        setattr(event, name, value)
        return event

    return mask


def _raises(_event: Any) -> Any:
    raise KeyError(SECRET)


@pytest.mark.parametrize(
    ("mask", "answer"),
    [
        (_raises, b"{}"),
        (lambda _event: None, b"{}"),
        (lambda _event: SECRET, b"{}"),
        (lambda _event: {}, b"{}"),
        (_clear("request"), b"{}"),
        (_clear("request", "time"), b"{}"),
        (_clear("response", "status"), b"{}"),
        (_set("session_token", {"token": SECRET}), b"{}"),
        (_set("session_token", SECRET * 1000), b"{}"),
        (_set("user_id", "u" * 1025), b"{}"),
        (documented_mask, b""),
        (documented_mask, b'["password"]'),
    ],
    ids=[
        "raises",
        "returns nothing",
        "returns text",
        "returns an empty dictionary",
        "removes the request",
        "removes the time",
        "removes the status",
        "token is an object",
        "token is too long",
        "id is too long",
        "documented, without a body",
        "documented, with a list",
    ],
)
def test_failed_mask_function_strips_the_event(
    recorder: Recorder, wrap: Wrap, caplog: pytest.LogCaptureFixture, mask: Any, answer: bytes
) -> None:
    def metadata(_app: object, _environ: Environ) -> dict[str, str]:
        return {"secret": SECRET}

    application = wrap(_answering(answer), MASK_EVENT_MODEL=mask, GET_METADATA=metadata)
    with caplog.at_level(logging.WARNING, "moesif.callbacks"):
        for _ in range(2):
            _call(application)
    for event in recorder.wait_for(2):
        assert event["response"]["status"] == 200
        assert event["request"]["uri"] == "http://api.example.com/p"
        assert not event["request"]["headers"]
        assert not event["response"]["headers"]
    assert SECRET.encode() not in b"".join(batch.json for batch in recorder.accepted)
    assert len([record for record in caplog.records if "MASK_EVENT_MODEL" in record.getMessage()]) == 1
    # Only the text of an exception of the function itself may be logged.
    assert mask is _raises or SECRET not in caplog.text


def test_exit_in_another_function_strips_the_unmasked_event(recorder: Recorder, wrap: Wrap) -> None:
    def leave(_app: object, _environ: Environ, _headers: object) -> str:
        raise SystemExit

    application = wrap(_answering(b"{}"), MASK_EVENT_MODEL=lambda event: event, IDENTIFY_USER=leave)
    with pytest.raises(SystemExit):
        _call(application)
    [event] = recorder.wait_for(1)
    assert SECRET.encode() not in recorder.accepted[0].json
    assert event["response"]["status"] == 200


@pytest.mark.parametrize("value", ["remove", "hash"])
def test_unsupported_sensitive_data_value_strips_the_event(
    recorder: Recorder, wrap: Wrap, caplog: pytest.LogCaptureFixture, value: str
) -> None:
    with caplog.at_level(logging.WARNING, "moesif.settings"):
        application = wrap(_answering(b'{"password": "s3cr3t"}'), SENSITIVE_DATA=value)
    assert any("SENSITIVE_DATA" in record.getMessage() for record in caplog.records)
    _call(application)
    [event] = recorder.wait_for(1)
    assert SECRET.encode() not in recorder.accepted[0].json
    assert event["response"]["status"] == 200


@pytest.mark.parametrize("option", ["REQUEST_HEADER_MASKS", "REQUEST_BODY_MASKS", "MASK_EVENT_MODEL"])
@pytest.mark.parametrize("value", [None, ""], ids=repr)
def test_empty_mask_removes_nothing(recorder: Recorder, wrap: Wrap, option: str, value: object) -> None:
    _call(wrap(_answering(b'{"password": "s3cr3t"}'), **{option: value}))
    assert recorder.wait_for(1)[0]["response"]["body"] == {"password": SECRET}
