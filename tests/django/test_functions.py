"""User functions are called as documented. If one fails, only its result is lost.

docs/guarantees.md: I-19, I-24.
"""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING, Any

import pytest
from django.http import HttpResponse
from django.test import RequestFactory

import django
import moesif
from moesifdjango.middleware import moesif_middleware
from tests.interruption import interrupt

if TYPE_CHECKING:
    from tests.django.conftest import Project
    from tests.recorder import Recorder


def identify_user(req: Any, _res: Any) -> str | None:
    if req.user and req.user.is_authenticated:
        name: str = req.user.username
        return name
    return None


def mask_event(eventmodel: Any) -> Any:
    if "password" in eventmodel.response.body:
        eventmodel.response.body["password"] = None
    return eventmodel


def test_documented_settings_work_unchanged(project: Project, recorder: Recorder) -> None:
    client = project(
        LOCAL_DEBUG=False,
        LOG_BODY=True,
        IDENTIFY_USER=identify_user,
        IDENTIFY_COMPANY=lambda _req, _res: "67890",
        GET_SESSION_TOKEN=lambda _req, _res: "XXXXXXXXXXXXXX",
        SKIP=lambda req, _res: "health/probe" in req.path,
        MASK_EVENT_MODEL=mask_event,
        GET_METADATA=lambda _req, _res: {"datacenter": "westus", "deployment_version": "v1.2.3"},
    )
    assert client.login(username="ann", password="secret")
    client.get("/health/probe")
    client.post("/echo", '{"password": "p", "kept": 1}', content_type="application/json")
    (event,) = recorder.wait_for(1)
    assert event["user_id"] == "ann"
    assert event["company_id"] == "67890"
    assert event["session_token"] == "XXXXXXXXXXXXXX"
    assert event["metadata"] == {"datacenter": "westus", "deployment_version": "v1.2.3"}
    assert event["response"]["body"] == {"password": None, "kept": 1}
    assert event["request"]["body"] == {"password": "p", "kept": 1}


def test_every_function_receives_request_and_response(project: Project, recorder: Recorder) -> None:
    seen: dict[str, tuple[str, int]] = {}

    def function(option: str) -> Any:
        def record(request: Any, response: Any) -> Any:
            seen[option] = (request.path, response.status_code)
            return {"of": option} if option == "GET_METADATA" else None

        return record

    options = ("SKIP", "IDENTIFY_USER", "IDENTIFY_COMPANY", "GET_METADATA", "GET_SESSION_TOKEN")
    project(**{option: function(option) for option in options}).get("/nowhere")
    recorder.wait_for(1)
    assert seen == dict.fromkeys(options, ("/nowhere", 404))


def test_without_sessions_and_users_every_function_is_called(project: Project, recorder: Recorder) -> None:
    from django.conf import settings

    client = project(
        middleware=[settings.OURS],
        IDENTIFY_USER=lambda _req, _res: 42,
        IDENTIFY_COMPANY=lambda _req, _res: "acme",
        GET_SESSION_TOKEN=lambda _req, _res: "token",
        GET_METADATA=lambda _req, _res: {"a": 1},
    )
    client.get("/plain")
    (event,) = recorder.wait_for(1)
    assert (event["user_id"], event["company_id"], event["session_token"]) == ("42", "acme", "token")
    assert event["metadata"] == {"a": 1}


def test_bytes_are_text(project: Project, recorder: Recorder) -> None:
    client = project(
        IDENTIFY_USER=lambda _req, _res: b"bob",
        IDENTIFY_COMPANY=lambda _req, _res: b"\xff\x00",
        GET_SESSION_TOKEN=lambda _req, _res: bytearray(b"token"),
        GET_METADATA=lambda _req, _res: {"a": b"b"},
    )
    client.get("/plain")
    (event,) = recorder.wait_for(1)
    assert (event["user_id"], event["company_id"], event["session_token"]) == ("bob", "/wA=", "token")
    assert event["metadata"] == {"a": "b"}


@pytest.mark.parametrize("name", ["username", "get_username"])
def test_name_of_a_user_may_be_bytes(project: Project, recorder: Recorder, name: str) -> None:
    class User:
        is_authenticated = True
        username = b"bob" if name == "username" else None

        def get_username(self) -> bytes:
            return b"bob"

    project()

    def view(request: Any) -> HttpResponse:
        request.user = User()
        return HttpResponse("ok")

    moesif_middleware(view)(RequestFactory().get("/"))
    (event,) = recorder.wait_for(1)
    assert event["user_id"] == "bob"


def test_failing_function_loses_its_result_and_is_logged_once(
    project: Project, recorder: Recorder, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(_request: Any, _response: Any) -> None:
        message = "no"
        raise ValueError(message)

    before = moesif.stats()["callback_failures"]
    client = project(
        SKIP=fail, IDENTIFY_USER=fail, IDENTIFY_COMPANY=lambda _req, _res: "acme", GET_METADATA=lambda _req, _res: [1]
    )
    with caplog.at_level(logging.WARNING, "moesif.callbacks"):
        for _ in range(3):
            assert client.get("/plain").status_code == 200
    events = recorder.wait_for(3)
    assert all(event["company_id"] == "acme" and event.get("user_id") is None for event in events)
    messages = [record.getMessage() for record in caplog.records]
    for option in ("SKIP", "IDENTIFY_USER", "GET_METADATA"):
        assert sum(message.startswith(f"{option} failed") for message in messages) == 1
    assert moesif.stats()["callback_failures"] == before + 9


def test_failure_is_logged_without_the_error_of_the_view(recorder: Recorder, project: Project, caplog: Any) -> None:
    def view(_request: Any) -> Any:
        raise KeyError

    def user(_request: Any, response: Any) -> str:
        return str(response.user)

    async def company(_request: Any, response: Any) -> str:
        return str(response.company)

    project(IDENTIFY_USER=user, IDENTIFY_COMPANY=company)
    with pytest.raises(KeyError):
        moesif_middleware(view)(RequestFactory().get("/"))
    recorder.wait_for(1)
    logged = [logging.Formatter().formatException(record.exc_info) for record in caplog.records if record.exc_info]
    assert [text.count("KeyError") for text in logged] == [0] * len(logged)
    assert "AttributeError" in "".join(logged)


@pytest.mark.parametrize("mask", [lambda _event: None, lambda _event: 1 / 0, lambda _event: "text"])
def test_failing_mask_strips_the_event(project: Project, recorder: Recorder, mask: Any) -> None:
    client = project(MASK_EVENT_MODEL=mask, GET_SESSION_TOKEN=lambda _req, _res: "secret-token")
    assert client.post("/echo?secret=1", '{"secret": 1}', content_type="application/json").status_code == 200
    (event,) = recorder.wait_for(1)
    assert "secret" not in json.dumps(event)
    assert event["response"]["status"] == 200


def test_mask_finds_headers_in_any_case_and_names_are_kept(project: Project, recorder: Recorder) -> None:
    def mask(event: Any) -> Any:
        assert event.request.headers.pop("X-SECRET") == "s"
        assert "content-type" in event.request.headers
        return event

    project(MASK_EVENT_MODEL=mask).get("/plain", HTTP_X_SECRET="s", CONTENT_TYPE="text/plain")
    (event,) = recorder.wait_for(1)
    assert "X-Secret" not in event["request"]["headers"]
    assert event["request"]["headers"]["Content-Type"] == "text/plain"


@pytest.mark.skipif(django.VERSION < (1, 10), reason="Django 1.9 turns SystemExit into a response")
def test_exit_in_a_function_propagates(project: Project, recorder: Recorder) -> None:
    def leave(_request: Any, _response: Any) -> None:
        raise SystemExit

    client = project(GET_METADATA=leave)
    with pytest.raises(SystemExit):
        client.get("/plain")
    recorder.wait_for(1)


def test_time_limit_that_a_signal_raises_in_a_function_propagates(project: Project, recorder: Recorder) -> None:
    client = project(GET_METADATA=lambda _request, _response: interrupt())
    # Django turns the exception into a response, as it does for a view.
    client.raise_request_exception = False
    assert client.get("/plain").status_code == 500
    (event,) = recorder.wait_for(1)
    assert event["response"]["status"] == 200


def test_callbacks_may_use_request_and_session_freely(project: Project, recorder: Recorder) -> None:
    def touch(request: Any, response: Any) -> str:
        response["X-Touched"] = request.session.get("nothing", "by a function")
        return str(request.body.decode())

    response = project(IDENTIFY_USER=touch).post("/plain", b"ann", content_type="text/plain")
    assert response["X-Touched"] == "by a function"
    (event,) = recorder.wait_for(1)
    assert event["user_id"] == "ann"


def test_generator_result_counts_as_failure(
    project: Project, recorder: Recorder, caplog: pytest.LogCaptureFixture
) -> None:
    def skip(_request: Any, _response: Any) -> Any:
        yield True

    with caplog.at_level(logging.WARNING, "moesif.callbacks"):
        project(SKIP=skip).get("/plain")
    assert len(recorder.wait_for(1)) == 1
    assert "SKIP failed" in caplog.text


def test_too_long_session_key_is_dropped_alone(
    project: Project, recorder: Recorder, caplog: pytest.LogCaptureFixture
) -> None:
    client = project(MASK_EVENT_MODEL=lambda event: event)
    client.cookies["sessionid"] = "x" * 5000
    with caplog.at_level(logging.WARNING):
        client.get("/plain")
    (event,) = recorder.wait_for(1)
    assert event["session_token"] is None
    assert event["request"]["headers"]
    assert "fault in this package" not in caplog.text
    assert "request.session.session_key failed" in caplog.text


@pytest.mark.parametrize("kind", ["new headers", "deleted", "plain"])
def test_mask_may_compare_upper_case_header_names(project: Project, recorder: Recorder, kind: str) -> None:
    secret = {"AUTHORIZATION", "X-API-KEY"}

    def mask(event: Any) -> Any:
        if kind == "deleted":
            for name in [name for name in event.request.headers if name in secret]:
                del event.request.headers[name]
        else:
            kept = {name: value for name, value in event.request.headers.items() if name not in secret}
            event.request.headers = kept
        return event.to_dictionary() if kind == "plain" else event

    client = project(MASK_EVENT_MODEL=mask)
    client.get("/plain", HTTP_AUTHORIZATION="Bearer s3cr3t", HTTP_X_API_KEY="s3cr3t", HTTP_X_OTHER="kept")
    (event,) = recorder.wait_for(1)
    assert "s3cr3t" not in json.dumps(event)
    assert event["request"]["headers"]["X-Other"] == "kept"


def test_functions_are_called_for_a_call_that_raises(project: Project, recorder: Recorder) -> None:
    def view(request: Any) -> Any:
        raise SystemExit(request.path)

    arguments: list[tuple[str, object]] = []

    def skip(request: Any, response: object) -> bool:
        arguments.append((request.path, response))
        return bool(request.path == "/private")

    project(SKIP=skip, IDENTIFY_USER=lambda _request, _response: "ann")
    middleware = moesif_middleware(view)
    for path in ("/private", "/public"):
        with pytest.raises(SystemExit):
            middleware(RequestFactory().post(path, b"secret", content_type="text/plain"))
    (event,) = recorder.wait_for(1)
    assert arguments == [("/private", None), ("/public", None)]
    assert (event["request"]["uri"], event["user_id"]) == ("http://testserver/public", "ann")


@pytest.mark.parametrize("read", ["scheme", "content"])
def test_exit_while_reading_the_request_propagates(
    project: Project, recorder: Recorder, monkeypatch: pytest.MonkeyPatch, read: str
) -> None:
    def leave(_object: object) -> None:
        raise SystemExit

    project()
    monkeypatch.setattr("django.conf.settings.SECURE_PROXY_SSL_HEADER", ("HTTP_X_FORWARDED_PROTO", "https"))
    middleware = moesif_middleware(lambda _request: HttpResponse("answer"))
    request = RequestFactory().get("/plain")
    with monkeypatch.context() as patch:
        owner = HttpResponse if read == "content" else type(request)
        patch.setattr(owner, read, property(leave, getattr(owner, read).fset))
        with pytest.raises(SystemExit):
            middleware(request)
    assert middleware(request).content == b"answer"
    assert {event["response"]["status"] for event in recorder.wait_for(1)} == {200}
