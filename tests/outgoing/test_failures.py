"""A failing call fails as without capturing. Its event has no response and names the error (I-19, I-30)."""

from __future__ import annotations

import base64
import logging
import traceback
from typing import TYPE_CHECKING, Any

import pytest
import requests

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


def test_too_many_redirects_record_one_failure(api: Api, recorder: Recorder, capture: Capture) -> None:
    capture()
    session = requests.Session()
    session.max_redirects = 3
    with pytest.raises(requests.TooManyRedirects) as raised:
        session.get(f"{api.uri}/redirect?/redirect?/redirect?/redirect?/redirect?/", timeout=20)
    assert raised.value.response is not None
    [event] = recorder.wait_for(1)
    assert event["metadata"] == {"error": "requests.exceptions.TooManyRedirects"}
    assert "response" not in event


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
