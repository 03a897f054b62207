"""Concurrent requests do not affect each other in the middleware (docs/guarantees.md, I-6 and I-31)."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from tests.gateway import Environ, make_environ, request

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.conftest import Wrap
    from tests.recorder import Recorder

THREADS = 32
REQUESTS = 100


def _application(environ: Environ, start_response: Any) -> Any:
    body = environ["wsgi.input"].read()
    headers = [("Content-Type", "application/json"), ("X-Path", environ["PATH_INFO"])]

    def stream() -> Iterator[bytes]:
        write = start_response("200 OK", headers)
        write(body[:5])
        yield body[5:10]
        yield body[10:]

    if environ["PATH_INFO"].endswith("7"):
        message = environ["PATH_INFO"]
        raise RuntimeError(message)
    if environ["PATH_INFO"].endswith("3"):
        start_response("200 OK", headers)
        return [body]
    return stream()


def test_32_threads_share_middleware_without_errors_or_losses(recorder: Recorder, wrap: Wrap) -> None:
    middleware = wrap(
        _application,
        IDENTIFY_USER=lambda _app, environ, _headers: environ["PATH_INFO"],
        GET_METADATA=lambda _app, environ: {"path": environ["PATH_INFO"]},
    )
    failures: list[BaseException] = []
    start = threading.Barrier(THREADS)

    def work(thread: int) -> None:
        start.wait()
        for number in range(REQUESTS):
            path = f"/{thread}/{number}"
            body = b'{"path": "%s"}' % path.encode()
            try:
                answer = request(middleware, make_environ("POST", path, body))
                assert (answer.body, answer.header("X-Path")) == (body, [path])
            except RuntimeError as error:
                if not (path.endswith("7") and str(error) == path):
                    failures.append(error)
            except BaseException as error:  # noqa: BLE001 - any other exception is a failure
                failures.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    events = recorder.wait_for(THREADS * REQUESTS)
    assert len(events) == THREADS * REQUESTS
    paths = set()
    for event in events:
        path = event["request"]["uri"].removeprefix("http://api.example.com")
        paths.add(path)
        assert event["user_id"] == path
        assert event["metadata"] == {"path": path}
        assert event["request"]["body"] == {"path": path}
        if path.endswith("7"):
            assert event["response"]["status"] == 500
        else:
            assert event["response"]["status"] == 200
            assert event["response"]["body"] == {"path": path}
            assert event["response"]["headers"]["X-Path"] == path
    assert len(paths) == THREADS * REQUESTS


def test_response_may_be_iterated_and_closed_on_different_threads(recorder: Recorder, wrap: Wrap) -> None:
    def application(_environ: Environ, start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", [])
        yield from (b"a", b"b", b"c")

    result = wrap(application)(make_environ(), lambda *_arguments: lambda _data: None)
    iterator = iter(result)
    chunks: list[bytes] = []
    for action in (lambda: chunks.append(next(iterator)), lambda: chunks.extend(iterator), result.close):  # type: ignore[attr-defined]
        thread = threading.Thread(target=action)
        thread.start()
        thread.join()
    assert chunks == [b"a", b"b", b"c"]
    [event] = recorder.wait_for(1)
    assert event["response"]["content_length"] == 3
