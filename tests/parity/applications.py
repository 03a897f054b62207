"""Applications that respond in different ways. Each takes the call and the server's ``start_response``."""

from __future__ import annotations

import io
import sys
import time
from typing import TYPE_CHECKING, Any

from tests.parity.exchange import CALL, Call, Environ

if TYPE_CHECKING:
    from collections.abc import Iterator


def application(environ: Environ, start_response: Any) -> Any:
    """Read the request and respond as the exchange specifies."""
    call: Call = environ[CALL]
    _read(call, environ)
    return (call.exchange.application or as_list)(call, start_response)


def _read(call: Call, environ: Environ) -> None:
    stream = environ["wsgi.input"]
    reads = call.exchange.reads
    if reads == "all":
        call.read = stream.read()
    elif reads == "length":
        call.read = stream.read(int(environ["CONTENT_LENGTH"]))
    elif reads == "lines":
        call.read = stream.readline() + b"".join(stream)
    elif reads == "pieces":
        call.read = b"".join(iter(lambda: stream.read(3), b""))
    elif reads == "half":
        call.read = stream.read(len(call.exchange.body or b"") // 2)
    else:
        assert reads == "none"


def _start(call: Call, start_response: Any) -> Any:
    answer = call.exchange.answer
    return start_response(answer.status, list(answer.headers))


def as_list(call: Call, start_response: Any) -> list[bytes]:
    _start(call, start_response)
    return list(call.exchange.answer.chunks)


def as_tuple(call: Call, start_response: Any) -> tuple[bytes, ...]:
    _start(call, start_response)
    return call.exchange.answer.chunks


def as_generator(call: Call, start_response: Any) -> Iterator[bytes]:
    """Call ``start_response`` at once, and make each chunk when it is requested."""
    _start(call, start_response)

    def chunks() -> Iterator[bytes]:
        try:
            for number, chunk in enumerate(call.exchange.answer.chunks):
                call.journal.append(f"made {number}")
                yield chunk
        finally:
            call.journal.append("closed")

    return chunks()


def as_late_generator(call: Call, start_response: Any) -> Iterator[bytes]:
    """Call ``start_response`` when the first chunk is requested."""
    _start(call, start_response)
    yield from call.exchange.answer.chunks


def as_slow_generator(call: Call, start_response: Any) -> Iterator[bytes]:
    """Wait before each chunk."""
    _start(call, start_response)

    def chunks() -> Iterator[bytes]:
        for chunk in call.exchange.answer.chunks:
            # The recorded times must differ.
            time.sleep(0.05)
            call.made_at = time.time()
            yield chunk

    return chunks()


class _Closing:
    """An iterable with ``close``."""

    def __init__(self, call: Call) -> None:
        self.call = call

    def __iter__(self) -> Iterator[bytes]:
        return iter(self.call.exchange.answer.chunks)

    def close(self) -> None:
        self.call.journal.append("closed")


class _Sized(_Closing):
    def __len__(self) -> int:
        return len(self.call.exchange.answer.chunks)


class _FailingClose(_Closing):
    def close(self) -> None:
        super().close()
        message = "close fails"
        raise OSError(message)


def as_closing_iterable(call: Call, start_response: Any) -> _Closing:
    _start(call, start_response)
    return _Closing(call)


def as_sized_iterable(call: Call, start_response: Any) -> _Closing:
    _start(call, start_response)
    return _Sized(call)


def as_iterable_whose_close_fails(call: Call, start_response: Any) -> _Closing:
    _start(call, start_response)
    return _FailingClose(call)


class FileWrapper:
    """The server's ``wsgi.file_wrapper``."""

    def __init__(self, file: Any, size: int = 8192) -> None:
        self.file = file
        self.size = size

    def __iter__(self) -> Iterator[bytes]:
        return iter(lambda: self.file.read(self.size), b"")

    def close(self) -> None:
        self.file.close()


def as_file(call: Call, start_response: Any) -> FileWrapper:
    _start(call, start_response)
    return FileWrapper(io.BytesIO(b"".join(call.exchange.answer.chunks)))


def by_writing(call: Call, start_response: Any) -> list[bytes]:
    """Send every chunk with ``write``."""
    write = _start(call, start_response)
    for chunk in call.exchange.answer.chunks:
        write(chunk)
    return []


def by_writing_and_returning(call: Call, start_response: Any) -> list[bytes]:
    first, *others = call.exchange.answer.chunks
    _start(call, start_response)(first)
    return others


def with_headers_in_a_tuple(call: Call, start_response: Any) -> list[bytes]:
    answer = call.exchange.answer
    start_response(answer.status, answer.headers)
    return list(answer.chunks)


def with_one_list_for_all(call: Call, start_response: Any) -> list[bytes]:
    """Keep the list of headers, and note its names after the call of ``start_response``."""
    headers = list(call.exchange.answer.headers)
    start_response(call.exchange.answer.status, headers)
    call.notes["the application's own list"] = [name for name, _value in headers]
    return list(call.exchange.answer.chunks)


def answering_twice(call: Call, start_response: Any) -> list[bytes]:
    """Fail after ``start_response``, and call it again with ``exc_info``."""
    start_response("200 OK", [("X-First", "1")])
    try:
        _fail()
    except ValueError:
        start_response("503 Busy", list(call.exchange.answer.headers), sys.exc_info())
    return list(call.exchange.answer.chunks)


def answering_twice_by_keyword(call: Call, start_response: Any) -> list[bytes]:
    start_response("200 OK", [("X-First", "1")])
    try:
        _fail()
    except ValueError:
        start_response("503 Busy", list(call.exchange.answer.headers), exc_info=sys.exc_info())
    return list(call.exchange.answer.chunks)


def _fail() -> None:
    message = "the application fails"
    raise ValueError(message)


def failing_at_once(_call: Call, _start_response: Any) -> list[bytes]:
    _fail()
    return []


def failing_after_its_answer(call: Call, start_response: Any) -> list[bytes]:
    _start(call, start_response)
    _fail()
    return []


def failing_in_the_middle(call: Call, start_response: Any) -> Iterator[bytes]:
    _start(call, start_response)

    def chunks() -> Iterator[bytes]:
        yield call.exchange.answer.chunks[0]
        _fail()

    return chunks()


def noting_request_body(call: Call, start_response: Any, key: str = "moesif.request_body") -> list[bytes]:
    """Note the value that the middleware has put into ``environ`` before the application runs."""
    call.notes[key] = call.notes["environ"].get(key, "absent")
    return as_list(call, start_response)
