"""The server gets the same kind of response object as without the middleware (docs/guarantees.md, I-8)."""

from __future__ import annotations

import io
import tempfile
from typing import TYPE_CHECKING, Any
from wsgiref.util import FileWrapper

import pytest

from tests.gateway import Environ, Gateway, answering, make_environ, request

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.conftest import Wrap
    from tests.recorder import Recorder


def _call(middleware: Any, environ: Environ | None = None) -> Any:
    return middleware(make_environ() if environ is None else environ, Gateway().start_response)


@pytest.mark.parametrize("response", [[b"a", b"b"], (b"a", b"b"), [], ()], ids=repr)
def test_list_or_tuple_is_returned_unchanged(recorder: Recorder, wrap: Wrap, response: object) -> None:
    assert _call(wrap(answering(response))) is response
    [event] = recorder.wait_for(1)
    assert event["response"].get("content_length", 0) == (2 if response else 0)


def test_subclass_of_list_is_iterated_with_its_own_methods(recorder: Recorder, wrap: Wrap) -> None:
    class Chunks(list[bytes]):
        is_closed = False

        def __iter__(self) -> Iterator[bytes]:
            yield b"from __iter__"

        def close(self) -> None:
            self.is_closed = True

    chunks = Chunks([b"stored"])
    assert request(wrap(answering(chunks))).body == b"from __iter__"
    assert chunks.is_closed
    assert recorder.wait_for(1)[0]["response"]["content_length"] == 13


class Sized:
    """Chunks with a length."""

    def __len__(self) -> int:
        return 1

    def __iter__(self) -> Iterator[bytes]:
        return iter((b"abc",))


def test_wrapper_has_length_only_if_iterable_has_one(recorder: Recorder, wrap: Wrap) -> None:
    def generator() -> Iterator[bytes]:
        yield b"abc"

    unsized = _call(wrap(answering(generator())))
    assert not hasattr(unsized, "__len__")
    with pytest.raises(TypeError):
        len(unsized)
    sized = _call(wrap(answering(Sized())))
    assert len(sized) == 1
    # Alternate the types, to detect wrong caching by type.
    assert not hasattr(_call(wrap(answering(generator()))), "__len__")
    assert len(_call(wrap(answering(Sized())))) == 1
    del unsized, sized
    assert len(recorder.wait_for(4)) == 4


class FileWrapperClass:
    """A file wrapper that is a class, as in gunicorn and wsgiref."""

    def __init__(self, file: io.IOBase, _size: int = 8192) -> None:
        self.file = file
        self.close = file.close

    def __iter__(self) -> Iterator[bytes]:
        return iter(lambda: self.file.read(8192), b"")


@pytest.mark.parametrize("wrapper", [FileWrapperClass, FileWrapper])
def test_file_wrapper_object_is_returned_unchanged(recorder: Recorder, wrap: Wrap, wrapper: Any) -> None:
    made: list[object] = []

    def application(environ: Environ, start_response: Any) -> object:
        start_response("200 OK", [])
        made.append(environ["wsgi.file_wrapper"](io.BytesIO(b"content")))
        return made[0]

    environ = make_environ(wsgi_file_wrapper=wrapper)
    result = _call(wrap(application), environ)
    assert result is made[0]
    assert environ["wsgi.file_wrapper"] is wrapper
    # The event is complete when the application returns.
    [event] = recorder.wait_for(1)
    assert event["response"]["status"] == 200


def test_with_file_wrapper_function_objects_with_fileno_are_returned_unchanged(recorder: Recorder, wrap: Wrap) -> None:
    def send_file(file: object, _size: int = 8192) -> object:
        return file

    with tempfile.TemporaryFile() as file:
        environ = make_environ(wsgi_file_wrapper=send_file)
        assert _call(wrap(answering(file)), environ) is file
        assert environ["wsgi.file_wrapper"] is send_file
        # Without a file wrapper in environ, a file is an iterable like any other.
        assert _call(wrap(answering(file))) is not file
    assert len(recorder.wait_for(2)) == 2


def test_bytes_are_returned_unchanged(recorder: Recorder, wrap: Wrap) -> None:
    assert _call(wrap(answering(b"whole"))) == b"whole"
    [event] = recorder.wait_for(1)
    assert event["response"]["content_length"] == 5


def test_with_file_wrapper_function_readable_object_is_returned_unchanged(recorder: Recorder, wrap: Wrap) -> None:
    class Reader:
        def read(self, _size: int = -1) -> bytes:
            return b""

    reader = Reader()
    environ = make_environ(wsgi_file_wrapper=lambda file, _size=8192: file)
    assert _call(wrap(answering(reader)), environ) is reader
    assert len(recorder.wait_for(1)) == 1


def test_other_iterable_is_recorded_despite_file_wrapper(recorder: Recorder, wrap: Wrap) -> None:
    def send_file(file: object, _size: int = 8192) -> object:
        return file

    for wrapper in (FileWrapperClass, send_file):
        environ = make_environ(wsgi_file_wrapper=wrapper)
        assert Gateway().run(wrap(answering(Sized())), environ).body == b"abc"
    assert [event["response"]["content_length"] for event in recorder.wait_for(2)] == [3, 3]


@pytest.mark.parametrize("make", [lambda: b"bytes", lambda: "text", lambda: None, lambda: 5])
def test_result_that_is_not_iterable_of_bytes_reaches_server(
    recorder: Recorder, wrap: Wrap, make: Callable[[], object]
) -> None:
    bare = _outcome(answering(make()))
    assert _outcome(wrap(answering(make()))) == bare
    assert len(recorder.wait_for(1)) == 1


def _outcome(application: Any) -> object:
    chunks: list[object] = []
    try:
        result = _call(application)
        chunks.extend(result)
        if hasattr(result, "close"):
            result.close()
    except TypeError:
        return TypeError, chunks
    return chunks


def _websocket_environ() -> Environ:
    return make_environ(HTTP_CONNECTION="Upgrade", HTTP_UPGRADE="websocket")


def test_object_that_cannot_be_iterated_is_returned_unchanged(recorder: Recorder, wrap: Wrap) -> None:
    handled = object()

    def application(_environ: Environ, _start_response: Any) -> object:
        return handled

    assert _call(wrap(application)) is handled
    [event] = recorder.wait_for(1)
    assert event.get("response") is None
    assert _call(wrap(application), _websocket_environ()) is handled
    assert recorder.wait_for(2)[1]["response"]["status"] == 101


def test_result_that_no_server_accepts_has_an_event_with_status_500(recorder: Recorder, wrap: Wrap) -> None:
    assert _call(wrap(answering(None))) is None
    [event] = recorder.wait_for(1)
    assert event["response"]["status"] == 500


def test_sequence_without_iter_is_recorded(recorder: Recorder, wrap: Wrap) -> None:
    class Chunks:
        def __getitem__(self, index: int) -> bytes:
            return [b"ab", b"c"][index]

    assert request(wrap(answering(Chunks()))).body == b"abc"
    [event] = recorder.wait_for(1)
    assert event["response"]["content_length"] == 3


def test_declined_upgrade_keeps_its_status(recorder: Recorder, wrap: Wrap) -> None:
    def failing(_environ: Environ, _start_response: Any) -> object:
        message = "before the handshake"
        raise ValueError(message)

    assert request(wrap(answering([b"no websocket here"])), _websocket_environ()).status == "200 OK"
    with pytest.raises(ValueError, match="before the handshake"):
        _call(wrap(failing), _websocket_environ())
    assert {event["response"]["status"] for event in recorder.wait_for(2)} == {200, 500}


def test_stop_iteration_is_a_failure_unless_the_server_is_gunicorn(recorder: Recorder, wrap: Wrap) -> None:
    def application(_environ: Environ, _start_response: Any) -> object:
        return next(iter(()))

    with pytest.raises(StopIteration):
        _call(wrap(application))
    [event] = recorder.wait_for(1)
    assert event["response"]["status"] == 500
    with pytest.raises(StopIteration):
        _call(wrap(application), make_environ() | {"gunicorn.socket": object()})
    assert recorder.wait_for(2)[1].get("response") is None
