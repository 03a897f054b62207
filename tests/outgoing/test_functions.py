"""User functions get the objects of requests and cannot disturb the call (I-19, I-24)."""

from __future__ import annotations

import contextvars
import io
import json
import logging
from typing import TYPE_CHECKING, Any

import pytest
import requests

import moesif
import moesif.outgoing
from tests.interruption import TOO_LATE, TimeLimit, handle_with_time_limit, interrupt
from tests.outgoing.api import DOCUMENT

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.collector import Nowhere
    from tests.outgoing.api import Api
    from tests.outgoing.conftest import Capture
    from tests.recorder import Recorder


def test_functions_get_request_and_response(api: Api, recorder: Recorder, capture: Capture) -> None:
    given: list[tuple[Any, Any]] = []

    def remember(result: object) -> Any:
        def function(request: Any, response: Any) -> object:
            given.append((request, response))
            return result

        return function

    capture(
        SKIP_OUTGOING=remember(result=False),
        IDENTIFY_USER_OUTGOING=remember(12345),
        IDENTIFY_COMPANY_OUTGOING=remember("67890"),
        GET_METADATA_OUTGOING=remember({"datacenter": "westus"}),
        GET_SESSION_TOKEN_OUTGOING=remember("token"),
    )
    request = requests.Request("GET", f"{api.uri}/items").prepare()
    response = requests.Session().send(request)
    assert len(given) == 5
    assert all(one is request and other is response for one, other in given)
    [event] = recorder.wait_for(1)
    assert (event["user_id"], event["company_id"], event["session_token"]) == ("12345", "67890", "token")
    assert event["metadata"] == {"datacenter": "westus"}


def test_bytes_are_text(api: Api, recorder: Recorder, capture: Capture) -> None:
    capture(
        IDENTIFY_USER_OUTGOING=lambda _request, _response: b"bob",
        IDENTIFY_COMPANY_OUTGOING=lambda _request, _response: b"\xff\x00",
        GET_SESSION_TOKEN_OUTGOING=lambda _request, _response: bytearray(b"token"),
        GET_METADATA_OUTGOING=lambda _request, _response: {"a": b"b"},
    )
    requests.get(f"{api.uri}/items", timeout=20)
    [event] = recorder.wait_for(1)
    assert (event["user_id"], event["company_id"], event["session_token"]) == ("bob", "/wA=", "token")
    assert event["metadata"] == {"a": "b"}


def test_after_a_redirect_functions_get_the_first_request_and_the_last_response(
    api: Api, recorder: Recorder, capture: Capture
) -> None:
    capture(GET_METADATA_OUTGOING=lambda request, response: {"from": request.path_url, "to": response.url})
    requests.get(f"{api.uri}/redirect?/items", timeout=20)
    [event] = recorder.wait_for(1)
    assert event["metadata"] == {"from": "/redirect?/items", "to": f"{api.uri}/items"}


def test_response_is_none_for_a_failed_call(recorder: Recorder, capture: Capture, nowhere: Nowhere) -> None:
    capture(
        IDENTIFY_USER_OUTGOING=lambda request, response: request.headers["X-User"] if response is None else None,
        GET_METADATA_OUTGOING=lambda _request, _response: {"error": "mine", "a": 1},
    )
    with pytest.raises(requests.ConnectionError):
        requests.get(nowhere.uri, headers={"X-User": "ann"}, timeout=20)
    [event] = recorder.wait_for(1)
    assert event["user_id"] == "ann"
    # Metadata of the application wins.
    assert event["metadata"] == {"error": "mine", "a": 1}


def test_skipped_call_is_counted(api: Api, recorder: Recorder, capture: Capture) -> None:
    capture(SKIP_OUTGOING=lambda request, _response: "health" in request.url)
    before = moesif.stats()["skipped"]
    for stream in (False, True):
        assert requests.get(f"{api.uri}/health", stream=stream, timeout=20).json() == DOCUMENT
    requests.get(f"{api.uri}/items", timeout=20)
    [event] = recorder.wait_for(1)
    assert event["request"]["uri"].endswith("/items")
    assert moesif.stats()["skipped"] == before + 2


def test_failing_function_loses_its_result_and_is_logged_once(
    api: Api, recorder: Recorder, capture: Capture, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(_request: Any, _response: Any) -> Any:
        message = "a mistake"
        raise LookupError(message)

    names = ["SKIP", "IDENTIFY_USER", "IDENTIFY_COMPANY", "GET_METADATA", "GET_SESSION_TOKEN"]
    capture(**{f"{name}_OUTGOING": fail for name in names})
    with caplog.at_level(logging.WARNING, "moesif.callbacks"):
        for _ in range(2):
            assert requests.get(f"{api.uri}/items", timeout=20).json() == DOCUMENT
    for event in recorder.wait_for(2):
        assert not event.keys() & {"user_id", "company_id", "metadata", "session_token"}
        assert event["response"]["body"] == DOCUMENT
    logged = [record.getMessage() for record in caplog.records if record.name == "moesif.callbacks"]
    assert "SKIP_OUTGOING failed: the call is recorded. Further failures of it are not logged" in logged
    assert sorted(message.split()[0] for message in logged) == sorted(f"{name}_OUTGOING" for name in names)


def test_failure_during_a_failed_call_is_logged_without_the_errors_of_the_call(
    recorder: Recorder, capture: Capture, nowhere: Nowhere, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(_request: Any, response: Any) -> Any:
        return response.status_code

    def fail_twice(*_arguments: Any) -> Any:
        try:
            int("a mistake")
        except ValueError as error:
            message = "its own context stays"
            raise LookupError(message) from error

    capture(
        SKIP_OUTGOING=fail, IDENTIFY_USER_OUTGOING=fail, MASK_EVENT_MODEL=fail_twice, GET_METADATA_OUTGOING=fail_twice
    )
    with caplog.at_level(logging.WARNING, "moesif.callbacks"):
        try:
            {}["nothing"]  # type: ignore[index]
        except KeyError:
            # The application itself is handling an exception, too.
            with pytest.raises(requests.ConnectionError):
                requests.get(nowhere.uri, timeout=20)
    recorder.wait_for(1)
    tracebacks = {
        record.getMessage().split()[0]: logging.Formatter().formatException(record.exc_info)
        for record in caplog.records
        if record.name == "moesif.callbacks" and record.exc_info
    }
    assert {name: text.count("Traceback") for name, text in tracebacks.items()} == {
        "SKIP_OUTGOING": 1,
        "IDENTIFY_USER_OUTGOING": 1,
        "GET_METADATA_OUTGOING": 2,
        "MASK_EVENT_MODEL": 2,
    }
    assert tracebacks["SKIP_OUTGOING"].endswith("'NoneType' object has no attribute 'status_code'")
    assert "int()" in tracebacks["GET_METADATA_OUTGOING"]


def test_exit_in_a_function_propagates(api: Api, recorder: Recorder, capture: Capture) -> None:
    def leave(_request: Any, _response: Any) -> Any:
        raise SystemExit(3)

    capture(IDENTIFY_USER_OUTGOING=leave)
    with pytest.raises(SystemExit):
        requests.get(f"{api.uri}/items", timeout=20)
    [event] = recorder.wait_for(1)
    assert event["response"]["status"] == 200


def test_time_limit_that_a_signal_raises_in_a_function_propagates(
    api: Api, recorder: Recorder, capture: Capture
) -> None:
    capture(IDENTIFY_USER_OUTGOING=lambda *_arguments: interrupt())
    with pytest.raises(TimeoutError, match=TOO_LATE):
        requests.get(f"{api.uri}/items", timeout=20)
    [event] = recorder.wait_for(1)
    assert event["response"]["status"] == 200


#: Ways to end a call, each of which calls the mask.
ENDS: dict[str, Callable[[str], object]] = {
    "read by requests": lambda uri: requests.get(uri, timeout=20),
    "read": lambda uri: requests.get(uri, stream=True, timeout=20).raw.read(),
    "iterated": lambda uri: list(requests.get(uri, stream=True, timeout=20).iter_content(4)),
    "closed": lambda uri: requests.get(uri, stream=True, timeout=20).close(),
    "next call": lambda uri: [requests.get(uri, stream=True, timeout=20) and None, requests.get(uri, timeout=20)],
}


@pytest.mark.filterwarnings("ignore::ResourceWarning")  # a dropped response leaves its socket open
@pytest.mark.parametrize("end", ENDS)
def test_time_limit_that_a_signal_raises_in_the_mask_propagates(
    api: Api, recorder: Recorder, capture: Capture, end: str
) -> None:
    capture(MASK_EVENT_MODEL=lambda _event: interrupt(handle_with_time_limit))
    with pytest.raises(TimeLimit):
        ENDS[end](f"{api.uri}/items?key=s3cr3t")
    [event] = recorder.wait_for(1)
    assert (event["request"]["uri"], event["response"]["status"]) == (f"{api.uri}/items", 200)
    assert "body" not in event["response"]


def test_time_limit_that_a_signal_raises_while_a_body_is_recorded_propagates(
    api: Api, recorder: Recorder, capture: Capture
) -> None:
    class Chunk(bytes):
        def __bytes__(self) -> bytes:
            interrupt(handle_with_time_limit)
            return b""

    capture()
    chunk = Chunk(b"chunk")
    with pytest.raises(TimeLimit):
        requests.post(f"{api.uri}/echo", data=(one for one in [chunk]), timeout=20)
    recorder.wait_for(1)


def test_time_limit_that_a_signal_raises_in_a_property_of_an_exception_propagates(
    api: Api, recorder: Recorder, capture: Capture
) -> None:
    class OwnError(Exception):
        @property
        def response(self) -> Any:
            return interrupt(handle_with_time_limit)

    def fail(response: Any, **_keywords: object) -> None:
        assert response.content == b"sent"
        raise OwnError

    capture()
    body = io.BytesIO(b"sent")
    request = requests.Request("POST", f"{api.uri}/echo", data=body, hooks={"response": fail}).prepare()
    with pytest.raises(TimeLimit):
        requests.Session().send(request, timeout=20)
    assert request.body is body
    recorder.wait_for(1)


def test_calls_made_by_functions_are_not_captured(api: Api, recorder: Recorder, capture: Capture) -> None:
    def identify(_request: Any, _response: Any) -> str:
        assert requests.get(f"{api.uri}/who", timeout=20).ok
        return "ann"

    def mask(event: Any) -> Any:
        assert requests.get(f"{api.uri}/who", timeout=20).ok
        return event

    capture(IDENTIFY_USER_OUTGOING=identify, MASK_EVENT_MODEL=mask)
    for stream in (False, True):
        assert requests.get(f"{api.uri}/items", stream=stream, timeout=20).json() == DOCUMENT
    requests.get(f"{api.uri}/last", timeout=20)
    uris = [event["request"]["uri"] for event in recorder.wait_for(3)]
    assert uris == [f"{api.uri}/items", f"{api.uri}/items", f"{api.uri}/last"]
    assert {event["user_id"] for event in recorder.events} == {"ann"}


def test_function_that_reads_a_stream_leaves_the_content_to_the_caller(
    api: Api, recorder: Recorder, capture: Capture
) -> None:
    capture(GET_METADATA_OUTGOING=lambda _request, response: {"name": response.json()["name"]})
    answer = requests.get(f"{api.uri}/items", stream=True, timeout=20)
    assert b"".join(answer.iter_content(4)) == answer.content
    [event] = recorder.wait_for(1)
    assert (event["metadata"], event["response"]["body"]) == ({"name": "spanner"}, DOCUMENT)


@pytest.mark.parametrize("read", [lambda answer: answer.raw.read(4), lambda answer: next(answer.iter_content(4))])
def test_content_read_by_a_function_is_recorded_once(
    api: Api, recorder: Recorder, capture: Capture, read: Callable[[Any], bytes]
) -> None:
    capture(IDENTIFY_USER_OUTGOING=lambda _request, response: read(response).decode())
    with requests.get(f"{api.uri}/items", stream=True, timeout=20) as answer:
        rest = answer.raw.read()
    [event] = recorder.wait_for(1)
    assert (event["user_id"] + rest.decode(), event["response"]["body"]) == (json.dumps(DOCUMENT), DOCUMENT)
    assert "X-Moesif-Body-Truncated" not in event["response"]["headers"]


def test_results_of_all_functions_are_recorded_if_one_closes_the_stream(
    api: Api, recorder: Recorder, capture: Capture
) -> None:
    capture(
        IDENTIFY_USER_OUTGOING=lambda _request, response: response.close() or "ann",
        GET_SESSION_TOKEN_OUTGOING=lambda _request, _response: "token",
    )
    requests.get(f"{api.uri}/items", stream=True, timeout=20)
    [event] = recorder.wait_for(1)
    assert (event["user_id"], event["session_token"]) == ("ann", "token")


def test_task_started_by_a_function_makes_calls_of_its_own(api: Api, recorder: Recorder, capture: Capture) -> None:
    """The task has a copy of the context and outlives the call."""
    contexts = []
    capture(IDENTIFY_USER_OUTGOING=lambda _request, _response: contexts.append(contextvars.copy_context()))
    requests.get(f"{api.uri}/items", timeout=20)
    contexts[0].run(requests.get, f"{api.uri}/later", timeout=20)
    uris = [event["request"]["uri"] for event in recorder.wait_for(2)]
    assert uris == [f"{api.uri}/items", f"{api.uri}/later"]


MASKS: dict[str, Any] = {
    "REQUEST_HEADER_MASKS": ["x-secret"],
    "RESPONSE_HEADER_MASKS": ["X-OF-API"],
    "REQUEST_BODY_MASKS": ["password"],
    "RESPONSE_BODY_MASKS": ["name"],
    "REQUEST_QUERY_MASKS": ["key"],
}


@pytest.mark.parametrize("stream", [False, True], ids=["read by requests", "read by the caller"])
def test_masks_apply(api: Api, recorder: Recorder, capture: Capture, *, stream: bool) -> None:
    capture(**MASKS)
    sent: dict[str, Any] = {"password": "s3cr3t", "kept": 1}
    answer = requests.post(
        f"{api.uri}/items?key=s3cr3t&page=1", json=sent, headers={"X-Secret": "s3cr3t"}, stream=stream, timeout=20
    )
    assert answer.json() == DOCUMENT
    [event] = recorder.wait_for(1)
    assert "s3cr3t" not in str(event)
    assert event["request"]["uri"] == f"{api.uri}/items?page=1"
    assert event["request"]["body"] == {"kept": 1}
    assert event["response"]["body"] == {"id": 1}
    assert "X-Of-Api" not in event["response"]["headers"]


def test_form_body_is_left_out_when_a_mask_cannot_parse_it(api: Api, recorder: Recorder, capture: Capture) -> None:
    capture(REQUEST_BODY_MASKS=["password"])
    requests.post(f"{api.uri}/items", data={"password": "s3cr3t"}, timeout=20)
    [event] = recorder.wait_for(1)
    assert "body" not in event["request"]


@pytest.mark.parametrize("stream", [False, True], ids=["read by requests", "read by the caller"])
def test_the_masking_function_changes_the_event(
    api: Api, recorder: Recorder, capture: Capture, *, stream: bool
) -> None:
    def mask(event: Any) -> Any:
        assert event.direction == "Outgoing"
        event.request.headers.pop("AUTHORIZATION")
        event.response.body["name"] = None
        return event

    capture(MASK_EVENT_MODEL=mask)
    headers = {"Authorization": "s3cr3t"}
    assert requests.get(f"{api.uri}/items", headers=headers, stream=stream, timeout=20).json() == DOCUMENT
    [event] = recorder.wait_for(1)
    assert event["response"]["body"] == {"id": 1, "name": None}
    assert "Authorization" not in event["request"]["headers"]


@pytest.mark.parametrize("stream", [False, True], ids=["read by requests", "read by the caller"])
@pytest.mark.parametrize("failure", ["raises", "returns nothing", "response is dropped"])
def test_failing_mask_function_strips_the_event(
    api: Api, recorder: Recorder, capture: Capture, failure: str, *, stream: bool
) -> None:
    def mask(_event: Any) -> Any:
        if failure == "raises":
            raise LookupError

    capture(MASK_EVENT_MODEL=mask, GET_METADATA_OUTGOING=lambda _request, _response: {"a": "s3cr3t"})
    answer = requests.post(
        f"{api.uri}/echo?key=s3cr3t", data=b'{"a": "s3cr3t"}', headers={"X": "s3cr3t"}, stream=stream, timeout=20
    )
    if failure != "response is dropped":
        assert answer.json() == {"a": "s3cr3t"}
    del answer
    moesif.outgoing.stop()
    [event] = recorder.wait_for(1)
    assert "s3cr3t" not in str(event)
    assert event["request"]["uri"] == f"{api.uri}/echo"
    assert event["response"]["status"] == 200
