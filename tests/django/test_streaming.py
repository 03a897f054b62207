"""Streaming responses stay streams. A call ends when its stream ends.

docs/guarantees.md: I-1, I-7, I-8, I-12.
"""

from __future__ import annotations

import asyncio
import base64
import gc
import io
import weakref
from typing import TYPE_CHECKING, Any

import pytest
from django.http import FileResponse, HttpResponse, StreamingHttpResponse
from django.test import RequestFactory

import django
from moesifdjango.middleware import moesif_middleware
from tests.django.project.views import JOURNAL

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.django.conftest import Project
    from tests.recorder import Recorder


def body(event: dict[str, Any]) -> bytes:
    return base64.b64decode(event["response"]["body"])


def test_chunk_leaves_before_the_next_one_is_made(project: Project, recorder: Recorder) -> None:
    response = project().get("/streaming")
    chunks = iter(response.streaming_content)
    assert next(chunks) == b"chunk 0;"
    assert JOURNAL == ["made 0"]
    assert b"".join(chunks) == b"chunk 1;chunk 2;"
    response.close()
    assert JOURNAL == ["made 0", "made 1", "made 2", "closed"]
    (event,) = recorder.wait_for(1)
    assert body(event) == b"chunk 0;chunk 1;chunk 2;"
    assert event["response"]["headers"]["Content-Type"] == "text/plain"
    assert response["X-Moesif-Transaction-Id"] == event["transaction_id"]


def test_abandoned_stream_is_recorded_up_to_that_point(project: Project, recorder: Recorder) -> None:
    response = project().get("/streaming")
    next(iter(response.streaming_content))
    assert not recorder.events
    response.close()
    (event,) = recorder.wait_for(1)
    assert body(event) == b"chunk 0;"


def test_stream_dropped_without_close_is_recorded(project: Project, recorder: Recorder) -> None:
    project()
    view = moesif_middleware(lambda _request: StreamingHttpResponse(iter([b"one", b"two"])))
    response = view(RequestFactory().get("/"))
    next(iter(response.streaming_content))
    del response
    gc.collect()
    (event,) = recorder.wait_for(1)
    assert body(event) == b"one"


def test_stream_dropped_without_close_is_masked(project: Project, recorder: Recorder) -> None:
    project(MASK_EVENT_MODEL=lambda event: event)
    view = moesif_middleware(lambda _request: StreamingHttpResponse(iter([b"secret", b"two"])))
    response = view(RequestFactory().get("/"))
    next(iter(response.streaming_content))
    del response
    gc.collect()
    (event,) = recorder.wait_for(1)
    assert event["response"].get("body") is None


def test_stream_that_raises_is_recorded_as_failed(project: Project, recorder: Recorder) -> None:
    response = project().get("/breaking")
    with pytest.raises(ValueError, match="the stream breaks"):
        b"".join(response.streaming_content)
    response.close()
    (event,) = recorder.wait_for(1)
    assert event["response"]["status"] == 500


def test_a_masked_stream_is_masked_at_its_end(project: Project, recorder: Recorder) -> None:
    def mask(event: Any) -> Any:
        event.response.body = "masked"
        return event

    response = project(MASK_EVENT_MODEL=mask).get("/streaming")
    b"".join(response.streaming_content)
    response.close()
    (event,) = recorder.wait_for(1)
    assert event["response"]["body"] == "masked"


def test_skipped_stream_passes_unchanged(project: Project, recorder: Recorder) -> None:
    client = project(SKIP=lambda request, _response: request.path == "/streaming")
    response = client.get("/streaming")
    assert b"".join(response.streaming_content) == b"chunk 0;chunk 1;chunk 2;"
    client.get("/plain")
    (event,) = recorder.wait_for(1)
    assert event["request"]["uri"].endswith("/plain")


def test_file_response_stays_for_the_server_to_send(project: Project, recorder: Recorder) -> None:
    project()
    file = io.BytesIO(b"of a file")
    view = moesif_middleware(lambda _request: FileResponse(file, content_type="text/plain"))
    response = view(RequestFactory().get("/file"))
    assert response.file_to_stream is file
    assert b"".join(response.streaming_content) == b"of a file"
    response.close()
    assert file.closed
    (event,) = recorder.wait_for(1)
    assert event["response"]["status"] == 200
    assert event["response"].get("body") is None


def test_stream_is_recorded_with_compression_above_or_below(project: Project, recorder: Recorder) -> None:
    import gzip

    from django.conf import settings

    compress = "django.middleware.gzip.GZipMiddleware"
    for middleware in ([compress, settings.OURS], [settings.OURS, compress]):
        response = project(middleware=middleware).get("/streaming", HTTP_ACCEPT_ENCODING="gzip")
        assert gzip.decompress(b"".join(response.streaming_content)) == b"chunk 0;chunk 1;chunk 2;"
        response.close()
    for event in recorder.wait_for(2):
        assert body(event) == b"chunk 0;chunk 1;chunk 2;"


@pytest.mark.skipif(django.VERSION < (4, 2), reason="asynchronous streams come with Django 4.2")
def test_async_stream_stays_async(project: Project, recorder: Recorder) -> None:
    project()

    async def chunks() -> AsyncIterator[bytes]:
        yield b"one"
        JOURNAL.append("made two")
        yield b"two"

    async def view(_request: Any) -> StreamingHttpResponse:
        return StreamingHttpResponse(chunks())

    async def call() -> None:
        response = await moesif_middleware(view)(RequestFactory().get("/"))
        assert response.is_async
        stream = aiter(response)
        assert await anext(stream) == b"one"
        assert JOURNAL == []
        assert [chunk async for chunk in stream] == [b"two"]
        response.close()

    asyncio.run(call())
    (event,) = recorder.wait_for(1)
    assert body(event) == b"onetwo"


@pytest.mark.skipif(django.VERSION < (4, 2), reason="asynchronous streams come with Django 4.2")
def test_an_asynchronous_mask_is_awaited_at_the_end_of_a_stream(project: Project, recorder: Recorder) -> None:
    async def mask(event: Any) -> Any:
        await asyncio.sleep(0)
        event.response.body = "masked"
        return event

    project(MASK_EVENT_MODEL=mask)

    async def chunks() -> AsyncIterator[bytes]:
        yield b"secret"

    async def view(_request: Any) -> StreamingHttpResponse:
        return StreamingHttpResponse(chunks())

    async def call() -> None:
        response = await moesif_middleware(view)(RequestFactory().get("/"))
        assert [chunk async for chunk in response] == [b"secret"]

    asyncio.run(call())
    (event,) = recorder.wait_for(1)
    assert event["response"]["body"] == "masked"


def test_empty_response_is_recorded(project: Project, recorder: Recorder) -> None:
    project()
    moesif_middleware(lambda _request: HttpResponse(status=204))(RequestFactory().delete("/"))
    (event,) = recorder.wait_for(1)
    assert (event["response"]["status"], event["response"].get("body")) == (204, None)


def test_closed_stream_is_freed(project: Project) -> None:
    project()

    def view(_request: Any) -> StreamingHttpResponse:
        return StreamingHttpResponse(iter([b"a"]))

    def is_freed(view: Any) -> bool:
        response = view(RequestFactory().get("/"))
        reference = weakref.ref(response)
        assert b"".join(response.streaming_content) == b"a"
        response.close()
        del response
        return reference() is None

    gc.collect()
    gc.disable()
    try:
        # Some versions of Django keep it until the garbage collector runs.
        assert is_freed(moesif_middleware(view)) == is_freed(view)
    finally:
        gc.enable()
