"""An async stack stays async: recording adds no thread hop, and functions are awaited.

docs/guarantees.md: I-12, I-19.
"""

from __future__ import annotations

import asyncio
import base64
import gzip
import json
import sys
import threading
from typing import TYPE_CHECKING, Any

import pytest

import django

if django.VERSION < (3, 1):
    pytest.skip("asynchronous stacks come with Django 3.1", allow_module_level=True)

from django.conf import settings
from django.http import HttpResponse
from django.test import AsyncClient, Client, RequestFactory
from django.utils.functional import SimpleLazyObject

import moesif
from moesif.django.functions import iscoroutinefunction
from moesifdjango.middleware import moesif_middleware
from tests.interruption import interrupt

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.django.conftest import Project
    from tests.recorder import Recorder


async def view(_request: Any) -> HttpResponse:
    await asyncio.sleep(0)
    return HttpResponse(json.dumps({"thread": threading.get_ident()}), content_type="application/json")


def test_middleware_is_async_exactly_when_the_stack_is(project: Project) -> None:
    project()
    assert moesif_middleware.sync_capable
    assert moesif_middleware.async_capable
    assert iscoroutinefunction(moesif_middleware(view))
    assert not iscoroutinefunction(moesif_middleware(lambda request: request))


def test_an_asynchronous_call_is_recorded_on_its_own_thread(project: Project, recorder: Recorder) -> None:
    client = project(client=AsyncClient, middleware=[settings.OURS])

    async def call() -> Any:
        return await client.post("/athread", '{"a": 1}', content_type="application/json"), threading.get_ident()

    response, thread = asyncio.run(call())
    assert json.loads(response.content) == {"thread": thread, "body": '{"a": 1}'}
    (event,) = recorder.wait_for(1)
    assert event["request"]["body"] == {"a": 1}
    assert event["request"]["uri"] == "http://testserver/athread"
    assert response["X-Moesif-Transaction-Id"] == event["transaction_id"]


async def _get(client: Any, path: str) -> Any:
    return await client.get(path)


def test_no_call_changes_threads(project: Project, recorder: Recorder) -> None:
    """Functions that do not block run on the thread of the request too."""
    threads = set()

    def note(*_arguments: Any) -> None:
        threads.add(threading.get_ident())

    async def note_async(*_arguments: Any) -> None:
        threads.add(threading.get_ident())

    project(SKIP=note, IDENTIFY_USER=note_async, IDENTIFY_COMPANY=note, GET_METADATA=note_async)
    middleware = moesif_middleware(view)
    asyncio.run(middleware(RequestFactory().get("/")))
    assert threads == {threading.get_ident()}
    recorder.wait_for(1)


def test_asynchronous_functions_are_awaited(project: Project, recorder: Recorder) -> None:
    def answering(answer: Any) -> Any:
        async def function(*_arguments: Any) -> Any:
            await asyncio.sleep(0)
            return answer

        return function

    async def mask(event: Any) -> Any:
        await asyncio.sleep(0)
        event.response.body = {"masked": True}
        return event

    functions = {
        "IDENTIFY_USER": answering("ann"),
        "IDENTIFY_COMPANY": answering("acme"),
        "GET_SESSION_TOKEN": answering("token"),
        "GET_METADATA": answering({"a": 1}),
        "SKIP": answering(0),
        "MASK_EVENT_MODEL": mask,
    }
    client = project(client=AsyncClient, **functions)
    asyncio.run(_get(client, "/aplain"))
    project(**functions).get("/plain")
    for event in recorder.wait_for(2):
        assert (event["user_id"], event["company_id"], event["session_token"]) == ("ann", "acme", "token")
        assert event["metadata"] == {"a": 1}
        assert event["response"]["body"] == {"masked": True}


def test_coroutine_returned_by_a_function_is_awaited(project: Project, recorder: Recorder) -> None:
    async def answer(value: Any) -> Any:
        await asyncio.sleep(0)
        return value

    functions: dict[str, Any] = {"SKIP": lambda *_both: answer(0), "IDENTIFY_USER": lambda *_both: answer("ann")}
    asyncio.run(_get(project(client=AsyncClient, **functions), "/aplain"))
    project(**functions).get("/plain")
    assert [event["user_id"] for event in recorder.wait_for(2)] == ["ann", "ann"]


@pytest.mark.skipif(django.VERSION < (5, 0), reason="auser() comes with Django 5.0")
@pytest.mark.parametrize(("path", "vary"), [("/aplain", None), ("/awhoami", "Cookie")])
def test_session_user_is_found_without_side_effects(
    project: Project, recorder: Recorder, selects: Any, path: str, vary: str | None
) -> None:
    logged_in = Client()
    assert logged_in.login(username="ann", password="secret")
    client = project(client=AsyncClient, django={"DEBUG": True})
    before = selects()
    asyncio.run(_get(client, path))
    assert selects() == before
    client.cookies["sessionid"] = logged_in.cookies["sessionid"].value
    response = asyncio.run(_get(client, path))
    assert (response.get("Vary"), len(response.cookies)) == (vary, 0)
    # One query for the session and one for the user, as Django itself needs.
    assert selects() == before + 2
    assert recorder.wait_for(2)[1]["user_id"] == "ann"


@pytest.mark.skipif(django.VERSION < (5, 0), reason="auser() comes with Django 5.0")
@pytest.mark.parametrize(("path", "count"), [("/aplain", 0), ("/awhoami", 2)])
def test_resolved_costs_no_query_in_an_asynchronous_stack(
    project: Project, selects: Any, path: str, count: int
) -> None:
    logged_in = Client()
    assert logged_in.login(username="ann", password="secret")
    client = project(client=AsyncClient, django={"DEBUG": True}, DJANGO_USER="resolved")
    client.cookies["sessionid"] = logged_in.cookies["sessionid"].value
    before = selects()
    asyncio.run(_get(client, path))
    assert selects() == before + count


def test_function_that_queries_the_database_runs_in_a_thread(project: Project, recorder: Recorder) -> None:
    from django.contrib.auth.models import User

    def count(_request: Any, _response: Any) -> dict[str, int]:
        return {"users": User.objects.filter(username="ann").count()}

    client = project(client=AsyncClient, GET_METADATA=count)
    for _ in range(2):
        asyncio.run(_get(client, "/aplain"))
    assert [event["metadata"] for event in recorder.wait_for(2)] == [{"users": 1}] * 2


def users(name: str) -> Any:
    """Return a query that Django makes when the result is used."""
    from django.contrib.auth.models import User

    return User.objects.filter(username=name)


def lazy_ann() -> Any:
    """Return a user that Django looks up on first use, as ``request.user`` is."""
    return SimpleLazyObject(lambda: users("ann").get())


@pytest.mark.parametrize("kind", ["plain", "awaitable", "asynchronous"])
def test_result_that_queries_the_database_is_read_in_a_thread(project: Project, recorder: Recorder, kind: str) -> None:
    def function(find: Callable[[], Any]) -> Any:
        async def answer(*_arguments: object) -> Any:
            await asyncio.sleep(0)
            return find()

        def awaitable(*both: object) -> Any:
            return answer(*both)

        return {"plain": lambda *_both: find(), "awaitable": awaitable, "asynchronous": answer}[kind]

    client = project(
        client=AsyncClient,
        SKIP=function(lambda: users("nobody")),
        IDENTIFY_USER=function(lazy_ann),
        IDENTIFY_COMPANY=function(lazy_ann),
        GET_SESSION_TOKEN=function(lazy_ann),
        GET_METADATA=function(lambda: {"user": lazy_ann(), "users": [lazy_ann()]}),
    )
    before = moesif.stats()["callback_failures"]
    for _ in range(2):
        asyncio.run(_get(client, "/aplain"))
    for event in recorder.wait_for(2):
        assert (event["user_id"], event["company_id"], event["session_token"]) == ("ann", "ann", "ann")
        assert event["metadata"] == {"user": "ann", "users": ["ann"]}
    assert moesif.stats()["callback_failures"] == before


def test_result_is_read_again_without_calling_the_function_again(project: Project, recorder: Recorder) -> None:
    calls = []

    def identify(request: Any, _response: Any) -> Any:
        calls.append(request.path)
        return request.user

    login = Client()
    assert login.login(username="ann", password="secret")
    client = project(client=AsyncClient, IDENTIFY_USER=identify)
    client.cookies["sessionid"] = login.cookies["sessionid"].value
    asyncio.run(_get(client, "/aplain"))
    (event,) = recorder.wait_for(1)
    assert (event["user_id"], calls) == ("ann", ["/aplain"])


def test_asynchronous_skip_may_return_a_query(project: Project) -> None:
    client = project(client=AsyncClient, SKIP=lambda *_both: users("ann"))
    before = moesif.stats()["skipped"]
    asyncio.run(_get(client, "/aplain"))
    assert moesif.stats()["skipped"] == before + 1


def test_masked_event_that_queries_the_database_is_read_in_a_thread(project: Project, recorder: Recorder) -> None:
    def mask(event: Any) -> Any:
        event.metadata = {"user": lazy_ann()}
        return event

    asyncio.run(_get(project(client=AsyncClient, MASK_EVENT_MODEL=mask), "/aplain"))
    (event,) = recorder.wait_for(1)
    assert event["metadata"] == {"user": "ann"}
    assert event["request"]["headers"]


def test_mask_called_twice_gets_a_fresh_event(project: Project, recorder: Recorder) -> None:
    from django.contrib.auth.models import User

    def mask(event: Any) -> Any:
        event.user_id = f"{event.user_id}!"
        User.objects.filter(username="ann").count()
        return event

    client = project(client=AsyncClient, MASK_EVENT_MODEL=mask, IDENTIFY_USER=lambda *_both: "ann")
    for _ in range(2):
        asyncio.run(_get(client, "/aplain"))
    assert [event["user_id"] for event in recorder.wait_for(2)] == ["ann!"] * 2


def test_call_whose_coroutine_is_closed_is_recorded_stripped(project: Project, recorder: Recorder) -> None:
    async def mask(event: Any) -> Any:
        await asyncio.sleep(0)
        return event

    async def never(_request: Any) -> None:
        await asyncio.Event().wait()

    project(MASK_EVENT_MODEL=mask)

    async def call() -> None:
        coroutine = moesif_middleware(never)(RequestFactory().get("/?a=1"))
        coroutine.send(None)
        coroutine.close()

    asyncio.run(call())
    (event,) = recorder.wait_for(1)
    assert event["request"]["uri"] == "http://testserver/"
    assert not event["request"].get("headers")


def test_an_asynchronous_skip_skips(project: Project, recorder: Recorder) -> None:
    async def skip(request: Any, _response: Any) -> bool:
        return bool(request.path == "/aplain")

    client = project(client=AsyncClient, SKIP=skip)
    asyncio.run(_get(client, "/aplain"))
    asyncio.run(_get(client, "/plain"))
    (event,) = recorder.wait_for(1)
    assert event["request"]["uri"].endswith("/plain")


def test_a_view_that_raises_is_recorded_with_the_response_django_makes(project: Project, recorder: Recorder) -> None:
    client = project(client=AsyncClient)
    assert asyncio.run(_get(client, "/failing")).status_code == 500
    (event,) = recorder.wait_for(1)
    assert event["response"]["status"] == 500


def test_cancelled_call_is_recorded_without_a_response(project: Project, recorder: Recorder) -> None:
    project()

    async def never(_request: Any) -> None:
        await asyncio.Event().wait()

    async def call() -> None:
        task = asyncio.ensure_future(moesif_middleware(never)(RequestFactory().get("/")))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(call())
    (event,) = recorder.wait_for(1)
    assert event.get("response") is None


@pytest.mark.skipif(django.VERSION < (4, 2), reason="asynchronous streams come with Django 4.2")
@pytest.mark.parametrize("is_above", [True, False])
def test_stream_is_recorded_with_compression_above_or_below(
    project: Project, recorder: Recorder, *, is_above: bool
) -> None:
    compress = "django.middleware.gzip.GZipMiddleware"
    client = project(
        client=AsyncClient, middleware=[compress, settings.OURS] if is_above else [settings.OURS, compress]
    )

    async def call() -> bytes:
        response = await client.get("/astreaming", headers={"Accept-Encoding": "gzip"})
        chunks = [chunk async for chunk in response]
        response.close()
        return b"".join(chunks)

    sent = asyncio.run(call())
    assert gzip.decompress(sent) == b"chunk 0;chunk 1;chunk 2;"
    (event,) = recorder.wait_for(1)
    assert base64.b64decode(event["response"]["body"]) == b"chunk 0;chunk 1;chunk 2;"


def test_overlapping_calls_do_not_mix(project: Project, recorder: Recorder) -> None:
    project(IDENTIFY_USER=lambda request, _response: request.path)

    async def call() -> None:
        middleware = moesif_middleware(view)
        await asyncio.gather(*(middleware(RequestFactory().get(f"/{number}")) for number in range(20)))

    asyncio.run(call())
    for event in recorder.wait_for(20):
        assert event["request"]["uri"] == f"http://testserver{event['user_id']}"


@pytest.mark.parametrize("how", ["cancelled", "closed"])
def test_a_call_that_ends_early_can_be_left_out(project: Project, recorder: Recorder, how: str) -> None:
    project(SKIP=lambda request, _response: request.path == "/private")

    async def never(_request: Any) -> None:
        await asyncio.Event().wait()

    async def call(path: str) -> None:
        coroutine = moesif_middleware(never)(RequestFactory().get(path))
        if how == "closed":
            coroutine.send(None)
            coroutine.close()
            return
        task = asyncio.ensure_future(coroutine)
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(call("/private"))
    asyncio.run(call("/public"))
    (event,) = recorder.wait_for(1)
    assert event["request"]["uri"] == "http://testserver/public"


@pytest.mark.skipif(sys.version_info < (3, 11), reason="before Python 3.11 one cannot see which task was cancelled")
def test_function_awaiting_a_cancelled_task_counts_as_failed(project: Project, recorder: Recorder) -> None:
    async def user(_request: Any, _response: Any) -> None:
        task = asyncio.ensure_future(asyncio.sleep(60))
        task.cancel()
        await task

    project(IDENTIFY_USER=user)
    assert asyncio.run(moesif_middleware(view)(RequestFactory().get("/"))).status_code == 200
    project(IDENTIFY_USER=user)
    assert moesif_middleware(lambda _request: HttpResponse("ok"))(RequestFactory().get("/")).status_code == 200
    assert len(recorder.wait_for(2)) == 2


def test_time_limit_that_a_signal_raises_in_a_function_propagates(project: Project, recorder: Recorder) -> None:
    client = project(client=AsyncClient, middleware=[settings.OURS], GET_METADATA=lambda *_both: interrupt())
    client.raise_request_exception = False
    # Django turns the exception into a response, as it does for a view.
    assert asyncio.run(client.get("/aplain")).status_code == 500
    (event,) = recorder.wait_for(1)
    assert event["response"]["status"] == 200
