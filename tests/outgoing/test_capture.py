"""Every way to make a call with requests records one event with request and response (I-27, I-30)."""

from __future__ import annotations

import time
import uuid
from typing import TYPE_CHECKING, Any

import pytest
import requests

import moesif.outgoing
from moesifpythonrequest.start_capture.start_capture import StartCapture
from tests.outgoing.api import DOCUMENT
from tests.recorder import FAST, Answer

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.conftest import RunProgram
    from tests.outgoing.api import Api
    from tests.outgoing.conftest import Capture
    from tests.recorder import Recorder


def _prepared(uri: str) -> Any:
    return requests.Session().send(requests.Request("GET", uri).prepare())


class _Overridden(requests.Session):
    """A session subclass with a ``send`` that calls the one it overrides, as libraries have it."""

    def send(self, request: Any, **kwargs: Any) -> Any:
        request.headers["X-Overridden"] = "1"
        return super().send(request, **kwargs)


WAYS: dict[str, tuple[str, Callable[[str], Any]]] = {
    "get": ("GET", requests.get),
    "post": ("POST", requests.post),
    "put": ("PUT", requests.put),
    "patch": ("PATCH", requests.patch),
    "delete": ("DELETE", requests.delete),
    "options": ("OPTIONS", requests.options),
    "head": ("HEAD", requests.head),
    "request": ("GET", lambda uri: requests.request("get", uri)),
    "session": ("GET", lambda uri: requests.Session().get(uri)),
    "session-request": ("GET", lambda uri: requests.session().request("GET", uri)),
    "prepared": ("GET", _prepared),
    "subclass": ("GET", lambda uri: _Overridden().get(uri)),
}


@pytest.mark.parametrize("way", WAYS)
def test_every_way_of_calling_records_one_event(api: Api, recorder: Recorder, capture: Capture, way: str) -> None:
    capture()
    verb, call = WAYS[way]
    answer = call(f"{api.uri}/items?page=2")
    assert answer.status_code == 200
    requests.get(f"{api.uri}/last", timeout=20)
    first, last = recorder.wait_for(2)
    assert (first["request"]["verb"], first["request"]["uri"]) == (verb, f"{api.uri}/items?page=2")
    assert last["request"]["uri"] == f"{api.uri}/last"
    assert len(recorder.events) == 2


def test_event_holds_request_and_response(api: Api, recorder: Recorder, capture: Capture) -> None:
    capture(API_VERSION="3")
    answer = requests.post(f"{api.uri}/items", json={"name": "spanner"}, headers={"X-MiXed": "1"}, timeout=20)
    [event] = recorder.wait_for(1)
    assert event["direction"] == "Outgoing"
    assert event["weight"] == 1
    assert str(uuid.UUID(event["transaction_id"])) == event["transaction_id"]
    assert event["request"]["body"] == {"name": "spanner"}
    assert event["request"]["api_version"] == "3"
    assert "ip_address" not in event["request"]
    # Header names keep their case, and no header is added.
    assert event["request"]["headers"] == dict(answer.request.headers.items())
    assert event["request"]["headers"]["X-MiXed"] == "1"
    assert event["response"]["status"] == 200
    assert event["response"]["body"] == DOCUMENT
    assert event["response"]["headers"] == dict(answer.headers.items())
    assert event["request"]["time"] <= event["response"]["time"]
    assert "metadata" not in event
    user_agent = recorder.accepted[0].headers["User-Agent"]
    assert user_agent == f"moesif-rs/{moesif.__version__} (moesifpythonrequest)"


def test_each_event_has_its_own_id(api: Api, recorder: Recorder, capture: Capture) -> None:
    capture()
    for _ in range(2):
        requests.get(api.uri, headers={"X-Moesif-Transaction-Id": "mine"}, timeout=20)
    ids = {event["transaction_id"] for event in recorder.wait_for(2)}
    assert len(ids) == 2
    assert "mine" not in ids


def test_credentials_for_another_service_do_not_identify_a_user(api: Api, recorder: Recorder, capture: Capture) -> None:
    capture()
    requests.get(api.uri, auth=("service", "secret"), timeout=20)
    [event] = recorder.wait_for(1)
    assert "user_id" not in event
    assert event["request"]["headers"]["Authorization"].startswith("Basic ")


def test_a_password_in_the_url_is_not_recorded(api: Api, recorder: Recorder, capture: Capture) -> None:
    capture(REQUEST_HEADER_MASKS=["Authorization"])
    requests.get(api.uri.replace("//", "//ann:s3cr3t@") + "/items#part", timeout=20)
    [event] = recorder.wait_for(1)
    assert event["request"]["uri"] == f"{api.uri}/items"
    assert "s3cr3t" not in str(event)


def test_redirects_are_one_call_with_the_last_response(api: Api, recorder: Recorder, capture: Capture) -> None:
    capture()
    answer = requests.post(f"{api.uri}/redirect?/redirect?/echo", data=b"[1]", timeout=20)
    assert [len(answer.history), answer.content] == [2, b"[1]"]
    requests.get(f"{api.uri}/last", timeout=20)
    event, _ = recorder.wait_for(2)
    assert len(recorder.events) == 2
    assert event["request"]["uri"] == f"{api.uri}/redirect?/redirect?/echo"
    assert event["request"]["body"] == [1]
    assert (event["response"]["status"], event["response"]["body"]) == (200, [1])


def test_a_redirect_that_is_not_followed_is_the_response(api: Api, recorder: Recorder, capture: Capture) -> None:
    capture()
    answer = requests.get(f"{api.uri}/redirect?/items", allow_redirects=False, timeout=20)
    assert answer.next is not None
    [event] = recorder.wait_for(1)
    assert event["response"]["status"] == 307


def test_call_made_by_a_hook_with_another_session_is_a_call_of_its_own(
    api: Api, recorder: Recorder, capture: Capture
) -> None:
    capture()

    def hook(response: Any, **_keywords: object) -> None:
        if response.url.endswith("/outer"):
            requests.get(f"{api.uri}/inner", timeout=20)

    requests.get(f"{api.uri}/outer", hooks={"response": hook}, timeout=20)
    uris = [event["request"]["uri"] for event in recorder.wait_for(2)]
    assert sorted(uris) == [f"{api.uri}/inner", f"{api.uri}/outer"]


def test_error_statuses_are_recorded_as_responses(api: Api, recorder: Recorder, capture: Capture) -> None:
    capture()
    with pytest.raises(requests.HTTPError):
        requests.get(f"{api.uri}/missing", timeout=20).raise_for_status()
    [event] = recorder.wait_for(1)
    assert (event["response"]["status"], event["response"]["body"]) == (404, {"error": "missing"})
    assert "metadata" not in event


def test_repeated_headers_are_joined(api: Api, recorder: Recorder, capture: Capture) -> None:
    capture()
    requests.get(f"{api.uri}/cookies", timeout=20)
    [event] = recorder.wait_for(1)
    assert event["response"]["headers"]["Set-Cookie"] == "a=1, b=2"


@pytest.mark.parametrize("stream", [False, True], ids=["read by requests", "read by the caller"])
def test_a_compressed_response_is_recorded_as_json(
    api: Api, recorder: Recorder, capture: Capture, *, stream: bool
) -> None:
    capture()
    answer = requests.get(f"{api.uri}/gzipped", stream=stream, timeout=20)
    assert answer.json() == DOCUMENT
    [event] = recorder.wait_for(1)
    assert event["response"]["body"] == DOCUMENT
    assert event["response"]["content_length"] == int(answer.headers["Content-Length"])


def test_calls_are_batched_without_a_thread_per_call(api: Api, recorder: Recorder, run_program: RunProgram) -> None:
    source = f"""
        import os, requests, moesif, moesif.outgoing
        moesif.outgoing.start()
        threads = []
        with requests.Session() as session:
            for calls in (1, 20):
                for _ in range(calls):
                    session.get({api.uri!r}, timeout=20)
                assert moesif.flush(20)
                threads.append(len(os.listdir("/proc/self/task")))
        assert threads[0] == threads[1], threads
    """
    ended = run_program(source, to=recorder, EVENT_BATCH_TIMEOUT=60)
    assert (ended.code, ended.errors) == (0, "")
    assert [len(delivery.events) for delivery in recorder.deliveries] == [1, 20]


def test_sampling_applies(api: Api, recorder: Recorder, capture: Capture) -> None:
    recorder.config = Answer(200, body=b'{"sample_rate":0,"user_sample_rate":{"ann":50}}')
    capture(IDENTIFY_USER_OUTGOING=lambda request, _response: request.headers.get("X-User"))
    before = moesif.stats()["sampled_out"]
    deadline = time.monotonic() + 20
    while moesif.stats()["sampled_out"] == before:
        assert time.monotonic() < deadline, "the sampling rates were not loaded"
        requests.get(api.uri, timeout=20)
    for _ in range(50):
        requests.get(api.uri, headers={"X-User": "ann"}, timeout=20)
        requests.get(api.uri, headers={"X-User": "bob"}, timeout=20)
    deadline = time.monotonic() + 20
    while not (kept := [event for event in recorder.events if event.get("user_id") == "ann"]):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert {event["weight"] for event in kept} == {2}
    assert not [event for event in recorder.events if event.get("user_id") == "bob"]


def test_the_import_path_of_the_replaced_package_works(api: Api, recorder: Recorder) -> None:
    before = requests.Session.send
    settings = {"APPLICATION_ID": recorder.application_id, "BASE_URI": recorder.uri, **FAST, "LOG_BODY_OUTGOING": True}
    StartCapture().start_capture_outgoing(settings)
    requests.get(api.uri, timeout=20)
    recorder.wait_for(1)
    StartCapture().stop_capture_outgoing()
    assert requests.Session.send is before


def test_invalid_option_is_named_in_the_error() -> None:
    with pytest.raises(ValueError, match="APPLICATION_ID is missing"):
        StartCapture().start_capture_outgoing({})
    with pytest.raises(ValueError, match="SKIP_OUTGOING is True: expected a function"):
        moesif.outgoing.start({"APPLICATION_ID": "id", "SKIP_OUTGOING": True})
