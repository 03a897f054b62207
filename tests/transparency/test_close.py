"""The application's iterable is closed exactly once (docs/guarantees.md, I-7)."""

from __future__ import annotations

import gc
from typing import TYPE_CHECKING, Any

import pytest

from tests.gateway import Environ, Gateway, answering, make_environ, request

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.conftest import Wrap
    from tests.recorder import Recorder


class Response:
    """An iterable that notes, at each close, how many chunks were read."""

    def __init__(self, *chunks: bytes, fails_after: int | None = None) -> None:
        self.chunks = chunks
        self.fails_after = fails_after
        self.taken = 0
        self.closed_after: list[int] = []

    def __iter__(self) -> Iterator[bytes]:
        for chunk in self.chunks:
            if self.taken == self.fails_after:
                message = "in the middle"
                raise OSError(message)
            self.taken += 1
            yield chunk

    def close(self) -> None:
        self.closed_after.append(self.taken)


class Unclosable:
    """An iterable without ``close``."""

    def __iter__(self) -> Iterator[bytes]:
        return iter((b"a", b"b"))


def test_closed_once_at_normal_end(recorder: Recorder, wrap: Wrap) -> None:
    response = Response(b"a", b"b")
    assert request(wrap(answering(response))).body == b"ab"
    assert response.closed_after == [2]
    assert recorder.wait_for(1)[0]["response"]["content_length"] == 2


def test_not_closed_before_server_closes(recorder: Recorder, wrap: Wrap) -> None:
    response = Response(b"a", b"b")
    result = wrap(answering(response))(make_environ(), Gateway().start_response)
    assert list(result) == [b"a", b"b"]
    assert response.closed_after == []
    result.close()  # type: ignore[attr-defined]
    assert response.closed_after == [2]
    assert len(recorder.wait_for(1)) == 1


def test_closed_once_after_error_in_the_middle(recorder: Recorder, wrap: Wrap) -> None:
    response = Response(b"a", b"b", fails_after=1)
    with pytest.raises(OSError, match="in the middle"):
        request(wrap(answering(response)))
    assert response.closed_after == [1]
    [event] = recorder.wait_for(1)
    assert event["response"]["status"] == 500


@pytest.mark.parametrize("taken", [0, 1])
def test_closed_once_when_client_leaves(recorder: Recorder, wrap: Wrap, taken: int) -> None:
    response = Response(b"a", b"b")
    result = wrap(answering(response))(make_environ(), Gateway().start_response)
    iterator = iter(result)
    for _ in range(taken):
        next(iterator)
    result.close()  # type: ignore[attr-defined]
    assert response.closed_after == [taken]
    [event] = recorder.wait_for(1)
    assert event["response"]["status"] == 200
    assert event["response"].get("content_length", 0) == taken


def test_closed_once_when_server_closes_twice(recorder: Recorder, wrap: Wrap) -> None:
    response = Response(b"a")
    result = wrap(answering(response))(make_environ(), Gateway().start_response)
    list(result)
    result.close()  # type: ignore[attr-defined]
    result.close()  # type: ignore[attr-defined]
    assert response.closed_after == [1]
    request(wrap(answering(Response())))
    assert len(recorder.wait_for(2)) == 2


def test_iterable_without_close_is_served(recorder: Recorder, wrap: Wrap) -> None:
    assert request(wrap(answering(Unclosable()))).body == b"ab"
    assert recorder.wait_for(1)[0]["response"]["content_length"] == 2


def test_exception_of_close_reaches_server_and_event_is_kept(recorder: Recorder, wrap: Wrap) -> None:
    failure = RuntimeError("close failed")

    class Failing(Response):
        def close(self) -> None:
            super().close()
            raise failure

    response = Failing(b"a")
    with pytest.raises(RuntimeError) as raised:
        request(wrap(answering(response)))
    assert raised.value is failure
    assert response.closed_after == [1]
    assert recorder.wait_for(1)[0]["response"]["status"] == 200


def test_finally_of_generator_runs_when_server_closes(recorder: Recorder, wrap: Wrap) -> None:
    steps: list[str] = []

    def application(_environ: Environ, start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", [])
        try:
            yield b"a"
            yield b"b"
        finally:
            steps.append("finally")

    gc.disable()
    try:
        result = wrap(application)(make_environ(), Gateway().start_response)
        next(iter(result))
        result.close()  # type: ignore[attr-defined]
        assert steps == ["finally"]
    finally:
        gc.enable()
    assert len(recorder.wait_for(1)) == 1


def test_finally_of_generator_does_not_wait_for_garbage_collector(recorder: Recorder, wrap: Wrap) -> None:
    steps: list[str] = []

    def application(_environ: Environ, start_response: Any) -> Iterator[bytes]:
        try:
            start_response("200 OK", [])
            yield b"a"
            yield b"b"
        finally:
            steps.append("finally")

    gc.disable()
    try:
        result = wrap(application)(make_environ(), Gateway().start_response)
        next(iter(result))
        # The server does not call close. Without the middleware the generator would end here.
        del result
        assert steps == ["finally"]
    finally:
        gc.enable()
    [event] = recorder.wait_for(1)
    assert event["response"]["content_length"] == 1


def test_response_neither_iterated_nor_closed_leaves_an_event(recorder: Recorder, wrap: Wrap) -> None:
    response = Response(b"a")
    wrap(answering(response))(make_environ(), Gateway().start_response)
    [event] = recorder.wait_for(1)
    assert event["response"]["status"] == 200
    assert response.closed_after == []


def test_exception_of_iter_reaches_server(recorder: Recorder, wrap: Wrap) -> None:
    class Broken(Response):
        def __iter__(self) -> Iterator[bytes]:
            message = "no iterator"
            raise TypeError(message)

    response = Broken()
    with pytest.raises(TypeError, match="no iterator"):
        request(wrap(answering(response)))
    assert response.closed_after == [0]
    assert recorder.wait_for(1)[0]["response"]["status"] == 500


@pytest.mark.parametrize("result", [None, 7])
def test_result_that_is_not_iterable_fails_and_is_recorded(recorder: Recorder, wrap: Wrap, result: Any) -> None:
    with pytest.raises(TypeError):
        request(wrap(answering(result)))
    assert recorder.wait_for(1)[0]["response"]["status"] == 500
