"""Calls made while serving a request are captured and linked to it (I-12, I-30)."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import copy
import threading
from typing import TYPE_CHECKING, Any

import pytest
import requests
from django.http import HttpResponse, StreamingHttpResponse
from django.test import RequestFactory

import django
import moesif.outgoing
from moesif.serving import SERVING
from moesifdjango.middleware import moesif_middleware
from tests.recorder import FAST

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from tests.django.conftest import Project
    from tests.outgoing.api import Api
    from tests.recorder import Recorder

CAPTURED: dict[str, Any] = {"CAPTURE_OUTGOING_REQUESTS": True}
asynchronous = pytest.mark.skipif(django.VERSION < (3, 1), reason="asynchronous stacks come with Django 3.1")


@pytest.fixture(autouse=True)
def _untouched() -> Iterator[None]:
    """Check that each test leaves requests unchanged."""
    before = requests.Session.send
    yield
    moesif.outgoing.stop()
    assert requests.Session.send is before


def _linked(recorder: Recorder, count: int) -> dict[str, list[str]]:
    """Return the paths of the outgoing calls made during each request, by the path of the request."""
    events = recorder.wait_for(count)
    assert len(events) == count
    paths = {
        event["transaction_id"]: event["request"]["uri"].partition("testserver")[2]
        for event in events
        if event["direction"] == "Incoming"
    }
    linked: dict[str, list[str]] = {path: [] for path in paths.values()}
    for event in events:
        if event["direction"] == "Outgoing":
            path = paths[event["metadata"]["incoming_transaction_id"]]
            linked[path].append(event["request"]["uri"].rpartition("/")[2])
    return linked


def test_calls_of_a_view_and_its_stream_are_linked(project: Project, recorder: Recorder, api: Api) -> None:
    def view(_request: Any) -> StreamingHttpResponse:
        requests.get(f"{api.uri}/before", timeout=20)
        return StreamingHttpResponse(requests.get(f"{api.uri}/{name}", timeout=20).content for name in ("one", "two"))

    project(**CAPTURED)
    stack = moesif_middleware(view)
    for path in ("/a", "/b"):
        response = stack(RequestFactory().get(path))
        assert b"".join(response.streaming_content).count(b"spanner") == 2
        response.close()
        assert SERVING.get() is None
    assert _linked(recorder, 8) == {path: ["before", "one", "two"] for path in ("/a", "/b")}


def test_request_is_no_longer_served_after_the_view_raised(project: Project, api: Api) -> None:
    def view(_request: Any) -> HttpResponse:
        assert SERVING.get() is not None
        raise LookupError(api.uri)

    project(**CAPTURED)
    with pytest.raises(LookupError):
        moesif_middleware(view)(RequestFactory().get("/"))
    assert SERVING.get() is None


@asynchronous
def test_concurrent_async_requests_link_their_own_calls(project: Project, recorder: Recorder, api: Api) -> None:
    """The calls are made on the thread of the event loop and on other threads."""

    async def view(request: Any) -> HttpResponse:
        await asyncio.sleep(0)
        name = request.path.strip("/")
        await asyncio.to_thread(requests.get, f"{api.uri}/thread-{name}", timeout=20)
        session.get(f"{api.uri}/loop-{name}", timeout=20)
        return HttpResponse()

    project(**CAPTURED)
    stack = moesif_middleware(view)
    session = requests.Session()

    async def main() -> None:
        await asyncio.gather(*(stack(RequestFactory().get(f"/{number}")) for number in range(5)))
        assert SERVING.get() is None

    asyncio.run(main())
    linked = _linked(recorder, 15)
    assert linked == {f"/{number}": [f"thread-{number}", f"loop-{number}"] for number in range(5)}


@pytest.mark.skipif(django.VERSION < (4, 2), reason="asynchronous streams come with Django 4.2")
def test_calls_of_an_async_stream_are_linked(project: Project, recorder: Recorder, api: Api) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for name in ("one", "two"):
            yield (await asyncio.to_thread(requests.get, f"{api.uri}/{name}", timeout=20)).content

    async def view(_request: Any) -> StreamingHttpResponse:
        await asyncio.sleep(0)
        return StreamingHttpResponse(chunks())

    project(**CAPTURED)

    async def main() -> None:
        response = await moesif_middleware(view)(RequestFactory().get("/a"))
        assert len([chunk async for chunk in response.streaming_content]) == 2
        assert SERVING.get() is None

    asyncio.run(main())
    assert _linked(recorder, 3) == {"/a": ["one", "two"]}


def test_outgoing_calls_use_the_outgoing_functions(project: Project, recorder: Recorder, api: Api) -> None:
    def view(_request: Any) -> HttpResponse:
        requests.get(f"{api.uri}/skipped", timeout=20)
        return HttpResponse(requests.get(f"{api.uri}/items", timeout=20).content)

    project(
        **CAPTURED,
        SKIP_OUTGOING=lambda request, _response: request.url.endswith("/skipped"),
        IDENTIFY_USER=lambda _request, _response: "ann",
        IDENTIFY_USER_OUTGOING=lambda _request, response: f"bob {response.status_code}",
        GET_METADATA_OUTGOING=lambda _request, _response: {"a": 1},
    )
    moesif_middleware(view)(RequestFactory().get("/"))
    users = {event["direction"]: event["user_id"] for event in recorder.wait_for(2)}
    assert users == {"Incoming": "ann", "Outgoing": "bob 200"}
    [outgoing] = [event for event in recorder.events if event["direction"] == "Outgoing"]
    assert outgoing["metadata"].keys() == {"a", "incoming_transaction_id"}


@pytest.fixture
def _another(api: Api, another_recorder: Recorder) -> None:
    """Unlinked calls go to another recorder."""
    assert api.seen == []
    moesif.outgoing.start({"APPLICATION_ID": another_recorder.application_id, "BASE_URI": another_recorder.uri, **FAST})


@pytest.mark.usefixtures("_another")
@pytest.mark.parametrize("kind", ["content", "stream", "failure"])
def test_calls_made_by_functions_are_linked(project: Project, recorder: Recorder, api: Api, kind: str) -> None:
    def view(_request: Any) -> Any:
        if kind == "failure":
            raise LookupError
        return HttpResponse() if kind == "content" else StreamingHttpResponse([b"one"])

    def call(name: str) -> Any:
        return lambda argument, *_more: requests.get(f"{api.uri}/{name}", timeout=20) and argument

    project(**CAPTURED, SKIP=lambda *_: not call("skip")("asked"), MASK_EVENT_MODEL=call("mask"))
    with contextlib.suppress(LookupError):
        response = moesif_middleware(view)(RequestFactory().get("/a"))
        b"".join(response)
        response.close()
    assert _linked(recorder, 3) == {"/a": ["skip", "mask"]}


@pytest.mark.usefixtures("_another")
def test_task_that_outlives_a_request_is_no_longer_linked_to_it(
    project: Project, recorder: Recorder, another_recorder: Recorder, api: Api
) -> None:
    contexts = []

    def view(_request: Any) -> HttpResponse:
        contexts.append(contextvars.copy_context())
        return HttpResponse()

    project(**CAPTURED)
    moesif_middleware(view)(RequestFactory().get("/a"))
    contexts[0].run(requests.get, f"{api.uri}/after", timeout=20)
    assert _linked(recorder, 1) == {"/a": []}
    [event] = another_recorder.wait_for(1)
    assert "metadata" not in event


@pytest.mark.usefixtures("_another")
def test_calls_below_the_old_style_middleware_are_linked(
    project: Project, recorder: Recorder, another_recorder: Recorder, api: Api
) -> None:
    project(**CAPTURED)
    middleware = moesif_middleware()
    for path in ("/a", "/b"):
        request = RequestFactory().get(path)
        assert middleware.process_request(request) is None
        requests.get(f"{api.uri}/items", timeout=20)
        copy.deepcopy(request)
        middleware.process_response(request, HttpResponse())
    requests.get(f"{api.uri}/outside", timeout=20)
    SERVING.set(None)  # remove the ended request, so that other tests do not see it
    assert _linked(recorder, 4) == {"/a": ["items"], "/b": ["items"]}
    assert "metadata" not in another_recorder.wait_for(1)[0]


def test_incoming_and_outgoing_calls_share_a_pipeline(project: Project, recorder: Recorder, api: Api) -> None:
    def view(_request: Any) -> HttpResponse:
        return HttpResponse(requests.get(f"{api.uri}/items", timeout=20).content)

    project(**CAPTURED, BATCH_SIZE=2, EVENT_BATCH_TIMEOUT=60)
    before = set(threading.enumerate())
    moesif_middleware(view)(RequestFactory().get("/"))
    recorder.wait_for(2)
    [delivery] = recorder.deliveries
    assert delivery.headers["User-Agent"].endswith("(moesifdjango)")
    # The API and the recorder have a thread for each connection. Nothing else starts a Python thread.
    started = {thread.name for thread in threading.enumerate() if thread not in before}
    assert all("process_request_thread" in name for name in started), started


def test_without_the_option_requests_is_unchanged(project: Project) -> None:
    before = requests.Session.send
    project()
    moesif_middleware(lambda _request: HttpResponse())
    assert requests.Session.send is before
