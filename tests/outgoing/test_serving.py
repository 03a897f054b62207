"""Calls made while serving a request are linked to it and use its settings (I-18, I-30)."""

from __future__ import annotations

import contextvars
import threading
from typing import TYPE_CHECKING, Any

import pytest
import requests

import moesif.outgoing
from moesif.serving import SERVING
from tests.gateway import make_environ, request

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.conftest import Serve, Wrap
    from tests.outgoing.api import Api
    from tests.outgoing.conftest import Capture
    from tests.recorder import Recorder

CAPTURED = {"CAPTURE_OUTGOING_REQUESTS": True}
Event = dict[str, Any]


def _calling(api: Api) -> Callable[..., Any]:
    """Return an application that makes calls before it answers, while it streams and when its stream is closed."""

    def application(_environ: Any, start_response: Any) -> Iterator[bytes]:
        requests.get(f"{api.uri}/before", timeout=20)
        start_response("200 OK", [])

        def chunks() -> Iterator[bytes]:
            try:
                yield b"one"
                yield requests.get(f"{api.uri}/while", timeout=20).content
                yield b"two"
            finally:
                requests.get(f"{api.uri}/closed", timeout=20)

        return chunks()

    return application


def _apart(events: list[Event]) -> tuple[list[Event], list[Event]]:
    return tuple([event for event in events if event["direction"] == way] for way in ("Incoming", "Outgoing"))  # type: ignore[return-value]


def test_both_events_are_recorded_and_linked(api: Api, recorder: Recorder, wrap: Wrap) -> None:
    application = wrap(_calling(api), **CAPTURED)
    answers = [request(application, make_environ(path=f"/{number}")) for number in range(2)]
    incoming, outgoing = _apart(recorder.wait_for(8))
    assert len(incoming) == 2
    for event, answer in zip(incoming, answers, strict=True):
        assert answer.header("X-Moesif-Transaction-Id") == [event["transaction_id"]]
        linked = [
            other["request"]["uri"].rpartition("/")[2]
            for other in outgoing
            if other["metadata"] == {"incoming_transaction_id": event["transaction_id"]}
        ]
        assert sorted(linked) == ["before", "closed", "while"]
    assert len({event["transaction_id"] for event in recorder.events}) == 8


def test_link_is_the_event_id_even_if_the_client_sent_another(api: Api, recorder: Recorder, wrap: Wrap) -> None:
    application = wrap(_calling(api), **CAPTURED)
    request(application, make_environ(HTTP_X_MOESIF_TRANSACTION_ID="mine"))
    [incoming], outgoing = _apart(recorder.wait_for(4))
    ids = {event["metadata"]["incoming_transaction_id"] for event in outgoing}
    assert ids == {incoming["transaction_id"]}
    assert ids != {"mine"}


def test_call_between_two_requests_is_linked_to_neither(api: Api, recorder: Recorder, wrap: Wrap) -> None:
    application = wrap(_calling(api), **CAPTURED)
    request(application)
    assert SERVING.get() is None
    requests.get(f"{api.uri}/outside", timeout=20)
    thread = threading.Thread(target=requests.get, args=(f"{api.uri}/thread",), kwargs={"timeout": 20})
    thread.start()
    thread.join()
    recorder.wait_for(6)
    events = {event["request"]["uri"].rpartition("/")[2]: event for event in recorder.events}
    assert "metadata" not in events["outside"]
    assert "metadata" not in events["thread"]


def test_served_request_is_not_tracked_after_stopping(wrap: Wrap) -> None:
    def application(_environ: Any, start_response: Any) -> list[bytes]:
        served.append(SERVING.get() is not None)
        start_response("200 OK", [])
        return []

    served: list[bool] = []
    middleware = wrap(application, **CAPTURED)
    request(middleware)
    moesif.outgoing.stop()
    request(middleware)
    assert served == [True, False]


@pytest.mark.parametrize("is_stream", [False, True])
def test_task_that_outlives_a_request_is_no_longer_linked_to_it(
    api: Api, recorder: Recorder, wrap: Wrap, *, is_stream: bool
) -> None:
    """The task has a copy of the context. Its calls are linked only while the request is served."""
    contexts: list[contextvars.Context] = []

    def application(_environ: Any, start_response: Any) -> Any:
        contexts.append(contextvars.copy_context())
        start_response("200 OK", [])
        contexts[-1].run(requests.get, f"{api.uri}/while", timeout=20)
        return iter([b"one"]) if is_stream else [b"one"]

    request(wrap(application, **CAPTURED))
    contexts[0].run(requests.get, f"{api.uri}/after", timeout=20)
    recorder.wait_for(3)
    events = {event["request"]["uri"].rpartition("/")[2]: event for event in recorder.events}
    assert "incoming_transaction_id" in events["while"]["metadata"]
    assert "metadata" not in events["after"]


def test_request_is_no_longer_served_after_the_application_raised(wrap: Wrap) -> None:
    def application(_environ: Any, _start_response: Any) -> Any:
        assert SERVING.get() is not None
        raise LookupError

    with pytest.raises(LookupError):
        request(wrap(application, **CAPTURED))
    assert SERVING.get() is None


def test_metadata_of_the_application_wins(api: Api, recorder: Recorder, wrap: Wrap) -> None:
    for mine in ({"incoming_transaction_id": "mine"}, {"a": 1}):
        options = {**CAPTURED, "GET_METADATA_OUTGOING": lambda _request, _response, mine=mine: mine}
        request(wrap(_calling(api), **options))
    incoming, outgoing = _apart(recorder.wait_for(8))
    assert [event["metadata"] for event in outgoing[:3]] == [{"incoming_transaction_id": "mine"}] * 3
    linked = {"a": 1, "incoming_transaction_id": incoming[1]["transaction_id"]}
    assert [event["metadata"] for event in outgoing[3:]] == [linked] * 3


def test_two_applications_do_not_mix(api: Api, recorder: Recorder, another_recorder: Recorder, wrap: Wrap) -> None:
    """If an application does not capture outgoing calls, those are not captured with the settings of another one."""
    first = wrap(_calling(api), **CAPTURED)
    second = wrap(_calling(api), another_recorder, **CAPTURED)
    silent = wrap(_calling(api), another_recorder, APPLICATION_ID="silent")
    another_recorder.ids.append("silent")
    for application in (first, second, silent, first):
        request(application)
    recorder.wait_for(8)
    another_recorder.wait_for(5)
    for destination, (served, called) in {recorder: (2, 6), another_recorder: (2, 3)}.items():
        incoming, outgoing = _apart(destination.events)
        assert (len(incoming), len(outgoing)) == (served, called)
        ids = {event["transaction_id"] for event in incoming}
        assert all(event["metadata"]["incoming_transaction_id"] in ids for event in outgoing)


def test_capturing_started_by_the_program_covers_other_applications(
    api: Api, recorder: Recorder, another_recorder: Recorder, wrap: Wrap, capture: Capture
) -> None:
    capture()
    capturing = wrap(_calling(api), another_recorder, **CAPTURED)
    silent = wrap(_calling(api), another_recorder, APPLICATION_ID="silent")
    another_recorder.ids.append("silent")
    for application in (capturing, silent):
        request(application)
    requests.get(f"{api.uri}/outside", timeout=20)
    assert [len(part) for part in _apart(recorder.wait_for(4))] == [0, 4]
    assert [len(part) for part in _apart(another_recorder.wait_for(5))] == [2, 3]


def test_an_applications_outgoing_calls_share_its_pipeline(api: Api, recorder: Recorder, wrap: Wrap) -> None:
    application = wrap(_calling(api), BATCH_SIZE=4, EVENT_BATCH_TIMEOUT=60, **CAPTURED)
    request(application)
    recorder.wait_for(4)
    [delivery] = recorder.deliveries
    assert len(delivery.events) == 4
    assert delivery.headers["User-Agent"] == f"moesif-rs/{moesif.__version__} (moesifwsgi)"


def test_without_the_option_requests_is_unchanged(api: Api, recorder: Recorder, wrap: Wrap) -> None:
    before = requests.Session.send
    request(wrap(_calling(api)))
    assert requests.Session.send is before
    assert len(recorder.wait_for(1)) == 1


@pytest.mark.parametrize("server", ["gunicorn-sync", "gunicorn-gthread", "gunicorn-gevent"])
def test_real_servers_link_each_call_to_its_request(api: Api, recorder: Recorder, serve: Serve, server: str) -> None:
    started = serve(
        "calling:application", server, to=recorder, variables={"API": api.uri}, CAPTURE_OUTGOING_REQUESTS=True
    )
    answers: list[Any] = []
    threads = [
        threading.Thread(target=lambda number=number: answers.append(started.get(f"/{number}"))) for number in range(12)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [answer.status for answer in answers] == [200] * 12
    assert all(b"spanner" in answer.body for answer in answers)
    recorder.wait_for(36, timeout=30)
    incoming, outgoing = _apart(recorder.events)
    numbers = {event["transaction_id"]: event["request"]["uri"].rpartition("/")[2] for event in incoming}
    linked = [
        (numbers[event["metadata"]["incoming_transaction_id"]], event["request"]["uri"].rpartition("/")[2])
        for event in outgoing
    ]
    assert len(linked) == 24
    assert all(one == other for one, other in linked)
