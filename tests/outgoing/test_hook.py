"""Capturing can start and stop in any order, and leaves requests as it was (I-30)."""

from __future__ import annotations

import asyncio
import contextvars
import functools
import importlib
import inspect
import logging
import pickle
import threading
from typing import TYPE_CHECKING, Any

import pytest
import requests

import moesif
import moesif.outgoing
from moesif.outgoing import capturing, hook
from tests.outgoing.api import DOCUMENT
from tests.recorder import FAST

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.conftest import RunProgram
    from tests.outgoing.api import Api
    from tests.outgoing.conftest import Capture
    from tests.recorder import Recorder


def _one_event_a_call(api: Api, recorder: Recorder, session: Any = requests) -> None:
    before = len(recorder.events)
    for number in (1, 2):
        assert session.get(f"{api.uri}/{number}", timeout=20).json() == DOCUMENT
    recorder.wait_for(before + 2)
    uris = [event["request"]["uri"] for event in recorder.events[before:]]
    assert uris == [f"{api.uri}/1", f"{api.uri}/2"]


def test_stopping_restores_the_original_function(api: Api, capture: Capture) -> None:
    send = requests.Session.send
    capture()
    assert requests.Session.send is not send
    moesif.outgoing.stop()
    assert requests.Session.send is send
    assert requests.get(api.uri, timeout=20).json() == DOCUMENT
    moesif.outgoing.stop()
    assert requests.Session.send is send


def test_after_stopping_nothing_is_captured(api: Api, recorder: Recorder, capture: Capture) -> None:
    capture()
    requests.get(f"{api.uri}/1", timeout=20)
    moesif.outgoing.stop()
    requests.get(f"{api.uri}/2", timeout=20)
    capture()
    requests.get(f"{api.uri}/3", timeout=20)
    assert [event["request"]["uri"][-2:] for event in recorder.wait_for(2)] == ["/1", "/3"]


def test_replacement_has_the_signature_of_the_original(capture: Capture) -> None:
    send = requests.Session.send
    capture()
    replacement: Any = requests.Session.send
    assert inspect.isfunction(replacement)
    assert (replacement.__name__, replacement.__qualname__, replacement.__module__, replacement.__doc__) == (
        send.__name__,
        send.__qualname__,
        send.__module__,
        send.__doc__,
    )
    assert inspect.signature(replacement) == inspect.signature(send)
    assert pickle.loads(pickle.dumps(requests.Session())).headers == requests.Session().headers


def test_send_takes_its_session_and_request_by_name(api: Api, recorder: Recorder, capture: Capture) -> None:
    capture()
    with requests.Session() as session:
        request = session.prepare_request(requests.Request("GET", f"{api.uri}/named"))
        assert requests.Session.send(self=session, request=request).json() == DOCUMENT
    assert recorder.wait_for(1)[0]["request"]["uri"] == f"{api.uri}/named"


def test_starting_twice_records_once_with_the_last_settings(api: Api, recorder: Recorder, capture: Capture) -> None:
    capture(API_VERSION="1")
    replacement = requests.Session.send
    capture(API_VERSION="2")
    assert requests.Session.send is replacement
    _one_event_a_call(api, recorder)
    assert {event["request"]["api_version"] for event in recorder.events} == {"2"}


@pytest.fixture
def _reloaded_sessions() -> Iterator[None]:
    """Restore the class that other modules have imported."""
    sessions = importlib.import_module("requests.sessions")
    before = dict(vars(sessions))
    yield
    vars(sessions).update(before)


@pytest.mark.usefixtures("_reloaded_sessions")
@pytest.mark.parametrize("is_capturing", [False, True])
def test_capturing_survives_a_reload_of_requests(
    api: Api, recorder: Recorder, capture: Capture, *, is_capturing: bool
) -> None:
    first = requests.Session.send
    if is_capturing:
        capture()
    sessions = importlib.reload(importlib.import_module("requests.sessions"))
    assert sessions.Session is not requests.Session
    second = sessions.Session.send
    capture()
    # requests.get uses the class in requests.sessions; other code uses the one in requests.
    _one_event_a_call(api, recorder)
    _one_event_a_call(api, recorder, requests.Session())
    moesif.outgoing.stop()
    assert (requests.Session.send, sessions.Session.send) == (first, second)


def test_capturing_survives_a_reload_of_our_module(api: Api, recorder: Recorder, capture: Capture) -> None:
    send = requests.Session.send
    capture()
    for module in (hook, capturing, moesif.outgoing):
        importlib.reload(module)
    capture()
    _one_event_a_call(api, recorder)
    moesif.outgoing.stop()
    assert requests.Session.send is send


@pytest.fixture
def _restored() -> Iterator[None]:
    before = requests.Session.send
    yield
    moesif.outgoing.stop()
    requests.Session.send = before  # type: ignore[method-assign]


@pytest.mark.usefixtures("_restored")
def test_wrapper_of_another_library_stays_in_place(api: Api, recorder: Recorder, capture: Capture) -> None:
    capture()
    ours = requests.Session.send
    seen = []

    @functools.wraps(ours)
    def theirs(self: Any, request: Any, **kwargs: Any) -> Any:
        seen.append(request.url)
        return ours(self, request, **kwargs)

    requests.Session.send = theirs  # type: ignore[method-assign]
    capture()
    _one_event_a_call(api, recorder)
    moesif.outgoing.stop()
    assert requests.Session.send is theirs
    requests.get(api.uri, timeout=20)
    assert len(seen) == 3
    assert len(recorder.events) == 2


def test_traffic_to_the_collector_is_not_captured(api: Api, recorder: Recorder, capture: Capture) -> None:
    """This includes other clients of a collector that use requests."""
    capture()
    before = moesif.stats()["captured"]
    requests.post(f"{recorder.uri}/v1/events", json={}, timeout=20)
    for name in ("X-Moesif-Application-Id", "x-moesif-sdk"):
        requests.get(f"{api.uri}/items", headers={name: "1"}, timeout=20)
    for host in ("api.moesif.net", "collector.moesif.net:8080"):
        with pytest.raises(requests.exceptions.ProxyError):
            requests.get(f"http://{host}/v1/users", proxies={"http": "http://127.0.0.1:1"}, timeout=20)
    requests.get(f"{recorder.uri}/health", timeout=20)
    assert moesif.stats()["captured"] == before
    _one_event_a_call(api, recorder)


def test_other_paths_on_the_collector_host_are_captured(recorder: Recorder, capture: Capture) -> None:
    capture()
    requests.get(f"{recorder.uri}/items/v1/health", timeout=20)
    [event] = recorder.wait_for(1)
    assert event["request"]["uri"] == f"{recorder.uri}/items/v1/health"


def test_calls_made_while_sending_are_calls_of_their_own(api: Api, recorder: Recorder, capture: Capture) -> None:
    """They are made by a body generator and by a hook, also after a redirect."""
    capture()
    session = requests.Session()

    def rows() -> Iterator[bytes]:
        for number in range(2):
            yield session.get(f"{api.uri}/row/{number}", timeout=20).content

    def refresh(response: Any, **_keywords: object) -> None:
        if response.url == f"{api.uri}/first":
            session.post(f"{api.uri}/token", timeout=20)

    session.post(f"{api.uri}/rows", data=rows(), timeout=20)
    session.get(f"{api.uri}/redirect?/first", hooks={"response": refresh}, timeout=20)
    uris = [event["request"]["uri"][len(api.uri) :] for event in recorder.wait_for(5)]
    assert uris == ["/row/0", "/row/1", "/rows", "/token", "/redirect?/first"]


def test_retry_of_the_same_request_is_one_call(api: Api, recorder: Recorder, capture: Capture) -> None:
    capture()
    session = requests.Session()

    def again(response: Any, **_keywords: object) -> Any:
        if response.status_code != 404:
            return None
        request = response.request.copy()
        request.deregister_hook("response", again)
        return session.send(request, timeout=20)

    for path in ("missing", "redirect?/missing"):
        session.get(f"{api.uri}/{path}", hooks={"response": again}, timeout=20)
    assert len(api.seen) == 5
    uris = [event["request"]["uri"][len(api.uri) :] for event in recorder.wait_for(2)]
    assert uris == ["/missing", "/redirect?/missing"]


def test_task_started_by_a_hook_makes_calls_of_its_own(api: Api, recorder: Recorder, capture: Capture) -> None:
    """The task has a copy of the context and outlives the call. It calls the same URL with the same session."""
    capture()
    contexts: list[contextvars.Context] = []
    session = requests.Session()
    hooks = {"response": lambda _response, **_keywords: contexts.append(contextvars.copy_context())}
    session.get(f"{api.uri}/items", hooks=hooks, timeout=20)
    contexts[0].run(session.get, f"{api.uri}/items", timeout=20)
    assert len(recorder.wait_for(2)) == 2


def test_sessions_made_before_the_class_was_replaced_are_captured(
    api: Api, recorder: Recorder, capture: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """requests-cache replaces the class. Its class stays unchanged."""
    early = requests.Session()

    class Theirs(requests.Session):
        pass

    class TheirsWithSend(requests.Session):
        def send(self, request: Any, **kwargs: Any) -> Any:
            return super().send(request, **kwargs)

    for kind in (Theirs, TheirsWithSend):
        own = dict(vars(kind))
        with monkeypatch.context() as patch:
            patch.setattr("requests.Session", kind)
            patch.setattr("requests.sessions.Session", kind)
            capture()
            before = len(recorder.events)
            _one_event_a_call(api, recorder, early)
            _one_event_a_call(api, recorder)
            assert len(recorder.events) == before + 4
            moesif.outgoing.stop()
        assert vars(kind) == own


def test_threads_sharing_a_session_record_each_call(api: Api, recorder: Recorder, capture: Capture) -> None:
    capture()
    session = requests.Session()
    threads = [threading.Thread(target=lambda: [session.get(api.uri, timeout=20) for _ in range(10)]) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    recorder.wait_for(80)
    assert len(recorder.events) == 80


def test_greenlets_and_tasks_sharing_a_session_record_each_call(
    api: Api, recorder: Recorder, run_program: RunProgram
) -> None:
    """All use one thread and one session, and switch in the middle of each call."""
    source = f"""
        from gevent import monkey
        monkey.patch_all()
        import gevent, requests, moesif, moesif.outgoing
        moesif.outgoing.start()
        session = requests.Session()
        api = {api.uri!r}
        assert requests.get(api, timeout=20).ok

        def call(number):
            for path in ("items", "redirect?/items"):
                with session.get(f"{{api}}/{{path}}", stream=number % 2 == 0, timeout=20) as answer:
                    answer.json()
        calls = [gevent.spawn(call, number) for number in range(20)]
        gevent.joinall(calls, raise_error=True)

        # A greenlet inherits the context of the call that is being made.
        made = []
        def hook(response, **_keywords):
            made.append(gevent.spawn(requests.get, f"{{api}}/inner", timeout=20))
        requests.get(f"{{api}}/outer", hooks={{"response": hook}}, timeout=20)
        gevent.joinall(made, raise_error=True)
        assert moesif.flush(20)
        print(moesif.stats()["sent"])
    """
    ended = run_program(source, to=recorder)
    assert ended.code == 0, ended.errors
    assert ended.output.split() == ["43"]
    assert len(recorder.events) == 43
    assert "Traceback" not in ended.errors


def test_calls_of_asynchronous_programs_are_captured(api: Api, recorder: Recorder, capture: Capture) -> None:
    capture()

    async def main() -> None:
        await asyncio.gather(*(asyncio.to_thread(requests.get, api.uri, timeout=20) for _ in range(10)))
        session.get(api.uri, timeout=20)

    session = requests.Session()
    asyncio.run(main())
    assert len(recorder.wait_for(11)) == 11


def test_forked_child_captures_its_own_calls(api: Api, recorder: Recorder, run_program: RunProgram) -> None:
    source = f"""
        import os, requests, moesif, moesif.outgoing
        moesif.outgoing.start()
        requests.get({api.uri!r} + "/parent", timeout=20)
        child = os.fork()
        if child == 0:
            requests.get({api.uri!r} + "/child", timeout=20)
            os._exit(0 if moesif.flush(20) else 1)
        assert os.waitpid(child, 0)[1] == 0
        assert moesif.flush(20)
    """
    ended = run_program(source, to=recorder)
    assert ended.code == 0, ended.errors
    assert sorted(event["request"]["uri"][len(api.uri) :] for event in recorder.events) == ["/child", "/parent"]


def test_missing_requests_package_is_only_logged(recorder: Recorder, run_program: RunProgram) -> None:
    source = """
        import sys
        sys.modules["requests"] = None
        import logging
        logging.basicConfig(format="%(name)s %(message)s")
        import moesif.outgoing
        from moesifwsgi import MoesifMiddleware
        from tests.gateway import hello, request
        moesif.outgoing.start()
        request(MoesifMiddleware(hello, {"CAPTURE_OUTGOING_REQUESTS": True}))
        moesif.outgoing.stop()
        assert moesif.flush(20)
    """
    ended = run_program(source, to=recorder)
    assert ended.code == 0, ended.errors
    assert ended.errors.count("moesif.outgoing requests is not installed") == 2
    assert len(recorder.events) == 1


def test_requests_is_imported_only_where_outgoing_calls_are_captured(
    recorder: Recorder, run_program: RunProgram
) -> None:
    source = """
        import sys
        import moesif, moesifwsgi, moesif.outgoing, moesifpythonrequest.start_capture.start_capture
        from tests.gateway import hello
        moesifwsgi.MoesifMiddleware(hello, {})
        print("requests" in sys.modules)
        moesifwsgi.MoesifMiddleware(hello, {"CAPTURE_OUTGOING_REQUESTS": True})
        print("requests" in sys.modules)
    """
    ended = run_program(source, to=recorder)
    assert ended.output.split() == ["False", "True"], ended.errors


def test_pending_calls_are_delivered_at_exit(api: Api, recorder: Recorder, run_program: RunProgram) -> None:
    source = f"""
        import requests, moesif.outgoing
        moesif.outgoing.start()
        for _ in range(3):
            requests.get({api.uri!r}, timeout=20)
        held = requests.get({api.uri!r}, stream=True, timeout=20)
    """
    ended = run_program(source, to=recorder, EVENT_BATCH_TIMEOUT=60)
    assert (ended.code, ended.errors) == (0, "")
    assert len(recorder.events) == 3


def test_warnings_of_settings_are_logged_once(recorder: Recorder, caplog: pytest.LogCaptureFixture) -> None:
    settings = {"APPLICATION_ID": recorder.application_id, "BASE_URI": recorder.uri, **FAST, "FLUSH_TIMOUT": 1}
    with caplog.at_level(logging.WARNING, "moesif.settings"):
        moesif.outgoing.start(settings)
        moesif.MoesifMiddleware(lambda *_: [], settings | {"CAPTURE_OUTGOING_REQUESTS": True})
    messages = [record.getMessage() for record in caplog.records if record.name == "moesif.settings"]
    assert len(messages) == 2
    assert all("did you mean FLUSH_TIMEOUT?" in message for message in messages)
