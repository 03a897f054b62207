"""A failing call fails as without capturing. Its event names the error (I-19, I-30).

It has a response only if the exception carries one.
"""

from __future__ import annotations

import base64
import contextlib
import io
import logging
import traceback
from typing import TYPE_CHECKING, Any

import pytest
import requests

import moesif
import moesif.outgoing
from tests.outgoing.api import DOCUMENT

if TYPE_CHECKING:
    from tests.collector import Nowhere
    from tests.outgoing.api import Api
    from tests.outgoing.conftest import Capture
    from tests.recorder import Recorder


def test_caller_gets_the_error_and_the_event_names_it(recorder: Recorder, capture: Capture, nowhere: Nowhere) -> None:
    capture()
    with pytest.raises(requests.ConnectionError) as raised:
        requests.post(f"{nowhere.uri}/items?key=s3cr3t", json={"a": 1}, timeout=20)
    assert raised.value.request is not None
    assert raised.value.request.url == f"{nowhere.uri}/items?key=s3cr3t"
    [event] = recorder.wait_for(1)
    assert "response" not in event
    assert event["request"]["body"] == {"a": 1}
    # The message quotes the URL, which masks may have to hide.
    assert event["metadata"] == {"error": "requests.exceptions.ConnectionError"}


def test_traceback_has_one_frame_of_ours_and_no_added_context(capture: Capture) -> None:
    class Adapter(requests.adapters.HTTPAdapter):
        def send(self, *_arguments: Any, **_keywords: Any) -> Any:
            raise error

    error = OSError("the error")
    session = requests.Session()
    session.mount("http://", Adapter())

    def fail() -> list[str]:
        with pytest.raises(OSError, match="the error") as raised:
            session.get("http://api.example.com/", timeout=20)
        assert raised.value is error
        assert (error.__context__, error.__cause__) == (None, None)
        files = [frame.filename for frame in traceback.extract_tb(error.__traceback__)]
        error.__traceback__ = None
        return files

    without = fail()
    capture()
    captured = fail()
    assert [file for file in captured if "moesif" not in file.replace("\\", "/").split("site-packages/")[-1]] == without
    assert len(captured) == len(without) + 1


def test_timeout_is_recorded_as_failure(api: Api, recorder: Recorder, capture: Capture) -> None:
    capture()
    with pytest.raises(requests.ReadTimeout):
        requests.get(f"{api.uri}/hang", timeout=0.2)
    [event] = recorder.wait_for(1)
    assert event["metadata"] == {"error": "requests.exceptions.ReadTimeout"}


def test_too_many_redirects_record_the_last_response(api: Api, recorder: Recorder, capture: Capture) -> None:
    capture()
    session = requests.Session()
    session.max_redirects = 3
    with pytest.raises(requests.TooManyRedirects) as raised:
        session.get(f"{api.uri}/redirect?/redirect?/redirect?/redirect?/redirect?/", timeout=20)
    assert raised.value.response is not None
    [event] = recorder.wait_for(1)
    assert event["metadata"] == {"error": "requests.exceptions.TooManyRedirects"}
    assert event["response"]["status"] == 307
    assert base64.b64decode(event["response"]["body"]) == b"elsewhere"


def _raise_for_status(response: Any, **_keywords: object) -> None:
    response.raise_for_status()


class _OwnError(Exception):
    """An exception of an application, with attributes that cannot be read."""

    @property
    def response(self) -> Any:
        message = "no such thing"
        raise LookupError(message)

    request = history = response


def _raise_own(response: Any, **_keywords: object) -> None:
    try:
        response.raise_for_status()
    except requests.HTTPError as error:
        raise _OwnError from error


@pytest.mark.parametrize("call", [("missing", False), ("missing", True), ("redirect?/missing", False)])
@pytest.mark.parametrize("hook", [_raise_for_status, _raise_own])
def test_response_that_an_exception_carries_is_recorded(
    api: Api, recorder: Recorder, capture: Capture, call: tuple[str, bool], hook: Any
) -> None:
    """Its body is recorded as the caller reads it. Functions get the response."""
    given: list[Any] = []

    def identify(_request: Any, response: Any) -> str:
        given.append(response)
        return str(response.status_code)

    capture(IDENTIFY_USER_OUTGOING=identify)
    path, stream = call
    with pytest.raises((requests.HTTPError, _OwnError)) as raised:
        requests.post(
            f"{api.uri}/{path}", data=io.BytesIO(b"sent"), hooks={"response": hook}, stream=stream, timeout=20
        )
    error: Any = raised.value.__cause__ or raised.value
    assert error.response.json() == {"error": "missing"}
    assert given == [error.response]
    assert all(type(answer.request.body) is io.BytesIO for answer in (error.response, *error.response.history))
    [event] = recorder.wait_for(1)
    assert event["user_id"] == "404"
    assert event["metadata"]["error"].endswith(type(raised.value).__name__)
    assert (event["response"]["status"], event["response"]["body"]) == (404, {"error": "missing"})
    assert event["response"]["headers"]["Content-Length"] == "20"


@pytest.mark.parametrize("options", [{}, {"MASK_EVENT_MODEL": lambda event: event}])
def test_response_of_an_exception_that_nobody_reads_ends_with_the_exception(
    api: Api, recorder: Recorder, capture: Capture, options: dict[str, Any]
) -> None:
    capture(**options)
    with contextlib.suppress(requests.HTTPError):
        requests.get(f"{api.uri}/missing", hooks={"response": _raise_for_status}, timeout=20)
    # Masks never run in a finaliser. Events of other tests may wait, so this does not wait.
    moesif.flush(0)
    [event] = recorder.wait_for(1)
    assert event["response"]["status"] == 404
    assert event["metadata"] == {"error": "requests.exceptions.HTTPError"}


def test_call_whose_exception_carries_the_response_can_be_skipped(
    api: Api, recorder: Recorder, capture: Capture
) -> None:
    capture(SKIP_OUTGOING=lambda _request, response: response is not None and response.status_code == 404)
    for path in ("missing", "items"):
        with contextlib.suppress(requests.HTTPError):
            requests.get(f"{api.uri}/{path}", hooks={"response": _raise_for_status}, timeout=20)
    [event] = recorder.wait_for(1)
    assert event["request"]["uri"] == f"{api.uri}/items"


def test_response_of_another_call_is_not_recorded_as_that_of_this_one(
    api: Api, recorder: Recorder, capture: Capture, nowhere: Nowhere
) -> None:
    """A hook that makes a call, and a call made while the failure of another is handled."""
    capture()
    responses: list[Any] = []

    def refresh(_response: Any, **_keywords: object) -> None:
        responses.append(requests.get(f"{api.uri}/missing", timeout=20))
        responses[0].raise_for_status()

    with pytest.raises(requests.HTTPError):
        requests.get(f"{api.uri}/items", hooks={"response": refresh}, timeout=20)
    try:
        responses[0].raise_for_status()
    except requests.HTTPError:
        with pytest.raises(requests.ConnectionError):
            requests.get(f"{nowhere.uri}/missing", timeout=20)
    inner, outer, later = recorder.wait_for(3)
    assert inner["response"]["status"] == 404
    assert "response" not in outer
    assert outer["metadata"] == {"error": "requests.exceptions.HTTPError"}
    assert "response" not in later


def test_exit_propagates(recorder: Recorder, capture: Capture) -> None:
    capture()

    def interrupt(_response: Any, **_keywords: object) -> None:
        raise KeyboardInterrupt

    class Adapter(requests.adapters.HTTPAdapter):
        def send(self, *_arguments: Any, **_keywords: Any) -> Any:
            raise KeyboardInterrupt

    session = requests.Session()
    session.mount("http://", Adapter())
    with pytest.raises(KeyboardInterrupt):
        session.get("http://api.example.com/", timeout=20)
    [event] = recorder.wait_for(1)
    assert event["metadata"] == {"error": "KeyboardInterrupt"}


@pytest.mark.parametrize(("path", "error"), [("broken", "ProtocolError"), ("stream", "ReadTimeoutError")])
def test_interrupted_response_is_recorded_up_to_the_break(
    api: Api, recorder: Recorder, capture: Capture, path: str, error: str
) -> None:
    """After a short body, and after a read timeout."""
    capture()
    answer = requests.get(f"{api.uri}/{path}", stream=True, timeout=2)
    with pytest.raises(requests.RequestException):
        answer.content  # noqa: B018 - reads
    [event] = recorder.wait_for(1)
    assert event["response"]["status"] == 200
    assert event["response"]["headers"]["X-Moesif-Body-Truncated"] == "1"
    assert event["response"]["body"]
    assert event["metadata"] == {"error": f"urllib3.exceptions.{error}"}


def test_interrupted_response_without_error_is_recorded_when_freed(
    api: Api, recorder: Recorder, capture: Capture
) -> None:
    """urllib3 before 2.0 treats a closed connection as the end of the body."""
    capture(MASK_EVENT_MODEL=lambda event: event)
    answer = requests.get(f"{api.uri}/broken", stream=True, timeout=20)
    answer.raw.enforce_content_length = False
    assert answer.content == b"only this"
    del answer
    moesif.outgoing.stop()
    [event] = recorder.wait_for(1)
    assert base64.b64decode(event["response"]["body"]) == b"only this"
    assert event["response"]["content_length"] == 100


def test_error_raised_by_the_caller_is_not_an_error_of_the_call(api: Api, recorder: Recorder, capture: Capture) -> None:
    capture()
    with pytest.raises(LookupError), requests.get(f"{api.uri}/large?1000", stream=True, timeout=20):
        raise LookupError
    [event] = recorder.wait_for(1)
    assert "metadata" not in event


def test_response_interrupted_while_requests_reads_it_is_a_failure(
    api: Api, recorder: Recorder, capture: Capture
) -> None:
    capture()
    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        requests.get(f"{api.uri}/broken", timeout=20)
    [event] = recorder.wait_for(1)
    assert event["metadata"] == {"error": "requests.exceptions.ChunkedEncodingError"}
    assert "response" not in event


def test_fault_in_this_package_loses_only_the_record(
    api: Api, capture: Capture, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    capture()

    def fail(*_arguments: object) -> None:
        message = "a fault"
        raise RuntimeError(message)

    monkeypatch.setattr("moesif.outgoing.hook._faults", [])
    monkeypatch.setattr("moesif.outgoing.hook.record_response", fail)
    with caplog.at_level(logging.ERROR, "moesif.outgoing"):
        for _ in range(2):
            assert requests.get(f"{api.uri}/items", stream=True, timeout=20).json() == DOCUMENT
    [record] = [record for record in caplog.records if record.name == "moesif.outgoing"]
    assert "please report it" in record.getMessage()
