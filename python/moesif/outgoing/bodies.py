"""Bodies that are read by and by: recorded as they pass, and otherwise what they are.

A request body that is a file or an iterable is replaced, for the time it is sent, by an object that passes everything
on. Of a response it is the innermost object, the one that reads from the connection, that records: what the application
holds, and whatever it reads with, stays as it is.
"""

from __future__ import annotations

import functools
import gc
import io
import sys
import weakref
from contextlib import suppress
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from moesif import _native

    #: Called with the call, ``is_whole``: whether all of its response has been read, and ``is_let_go``: whether this
    #: may be in a finaliser.
    Ended = Callable[..., None]

__all__ = ["RecordedRequest", "record_response"]


class RecordedRequest:
    """A ``PreparedRequest`` whose body is recorded while it is sent.

    ``body_limit`` is how many bytes of it are kept, ``None`` where bodies are not recorded.
    """

    def __init__(self, call: _native.OutgoingCall, request: Any, *, body_limit: int | None) -> None:
        self.call = call
        self.request = request
        if body_limit is None:
            return
        # One that is being sent already, by another thread, has something in the place of its body.
        body = _without_standing_in(getattr(request, "body", None))
        standing_in = _standing_in(call, body, body_limit)
        if standing_in is not None:
            request.body = standing_in

    def restore(self, outcome: Any) -> None:
        """Give the body back to the request, and to the copies of it in a response or in an exception."""
        known = [self.request]
        for one in (outcome, getattr(outcome, "response", None)):
            history = getattr(one, "history", None)
            for answer in (one, *(history if isinstance(history, list) else ())):
                known += [getattr(answer, "request", None), getattr(answer, "_next", None)]
        for request in known:
            body = getattr(request, "body", None)
            if issubclass(type(body), _RecordedBody):
                request.body = _without_standing_in(body)


def _without_standing_in(body: Any) -> Any:
    while issubclass(type(body), _RecordedBody):
        body = body._moesif_body  # noqa: SLF001 - ours
    return body


def _standing_in(call: _native.OutgoingCall, body: Any, limit: int) -> Any:
    """Return what to send in the place of a body, if not the body itself."""
    if body is None or isinstance(body, (bytes, str)):
        return None
    if not hasattr(body, "read"):
        with suppress(TypeError):
            _record_buffer(call, memoryview(body), limit)
            return None
    return _recording_body(type(body))(call, body)


def _record_buffer(call: _native.OutgoingCall, buffer: memoryview, limit: int) -> None:
    """Record the start of a buffer, which is sent as it is, and how large it is."""
    if buffer.c_contiguous:
        content = buffer.cast("B")
        call.request_chunk(0, bytes(content[:limit]))
        call.request_chunk(content.nbytes, b"")


class _RecordedBody:
    """A file or an iterable, as the library that sends it sees it: with the attributes it has, and none it has not."""

    def __init__(self, call: _native.OutgoingCall, body: Any) -> None:
        self._moesif_call = call
        self._moesif_body = body
        self._moesif_position = 0
        self._moesif_start = _position(body)

    @property  # type: ignore[misc]
    def __class__(self) -> type:
        return type(self._moesif_body)

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._moesif_body, name)
        if name in {"read", "read1", "readline", "readall"}:
            return functools.partial(self._moesif_read, found)
        return functools.partial(self._moesif_seek, found) if name == "seek" else found

    def __reduce_ex__(self, protocol: Any) -> Any:
        # What is copied or pickled is the body.
        return self._moesif_body.__reduce_ex__(protocol)

    def _moesif_read(self, read: Callable[..., Any], *arguments: Any, **keywords: Any) -> Any:
        chunk = read(*arguments, **keywords)
        self._moesif_record(chunk)
        return chunk

    def _moesif_seek(self, seek: Callable[..., Any], *arguments: Any, **keywords: Any) -> Any:
        result = seek(*arguments, **keywords)
        start, now = self._moesif_start, _position(self._moesif_body)
        if start is None or now is None or (now != start and isinstance(self._moesif_body, io.TextIOBase)):
            self._moesif_call.lose_request_position()
        else:
            self._moesif_position = max(now - start, 0)
        return result

    def _moesif_record(self, chunk: Any) -> None:
        with suppress(Exception):  # whatever it is, it is sent
            chunk = chunk.encode(errors="replace") if isinstance(chunk, str) else bytes(chunk or b"")
            self._moesif_call.request_chunk(self._moesif_position, chunk)
            self._moesif_position += len(chunk)


def _iterate(self: _RecordedBody) -> Iterator[Any]:
    # A second iteration begins where the first did: only an object that is its own iterator goes on.
    chunks = iter(self._moesif_body)
    if chunks is not self._moesif_body:
        self._moesif_position = 0
    for chunk in chunks:
        self._moesif_record(chunk)
        yield chunk


def _next(self: _RecordedBody) -> Any:
    chunk = next(self._moesif_body)
    self._moesif_record(chunk)
    return chunk


_SPECIAL: dict[str, Callable[..., Any]] = {
    "__iter__": _iterate,
    "__next__": _next,
    "__len__": lambda self: len(self._moesif_body),
    "__bool__": lambda self: bool(self._moesif_body),
}


#: Those made so far. They know nothing of the classes they stand in for, which may be forgotten.
_recording_bodies: weakref.WeakKeyDictionary[type, type[_RecordedBody]] = weakref.WeakKeyDictionary()


def _recording_body(kind: type) -> type[_RecordedBody]:
    """Return the class that stands in for such bodies: Python looks for special methods on classes only."""
    made = _recording_bodies.get(kind)
    if made is not None:
        return made
    methods = {name: method for name, method in _SPECIAL.items() if hasattr(kind, name)}
    if hasattr(kind, "__getitem__"):
        # Python iterates a sequence without asking for more.
        methods["__iter__"] = _iterate
    return _recording_bodies.setdefault(kind, type(kind.__name__, (_RecordedBody,), methods))


def _position(body: Any) -> int | None:
    try:
        position = body.tell()
    except Exception:
        return None
    return position if isinstance(position, int) else None


def record_response(call: _native.OutgoingCall, response: Any, ended: Ended) -> Recording:
    """Record the body of a ``Response`` as it is read. ``ended`` is called once: it is read, or closed, or let go."""
    recording = Recording(call, response, ended)
    source = getattr(response.raw, "_fp", None)
    if response._content_consumed:  # noqa: SLF001 - nothing else tells
        call.content(response.content if isinstance(response._content, bytes) else b"")  # noqa: SLF001
        recording.end(is_whole=True)
    elif source is None or _is_closed(source) or getattr(source, "length", None) == 0:
        recording.end(is_whole=True)
    elif _position(response.raw):
        # A hook of the application has read its start, which is gone.
        recording.end(is_whole=False)
    else:
        recording.watch(source, response.raw)
    return recording


class Recording:
    """Records what is read from a source, and notices its end, of which nobody is told before it is released."""

    def __init__(self, call: _native.OutgoingCall, response: Any, ended: Ended) -> None:
        self._call = call
        self._response = weakref.ref(response)
        self._raw: Callable[[], Any] = lambda: None
        self._ended = ended
        self._is_held = True
        self._is_reading = False
        self._has_ended = False
        self._is_whole = False
        self._is_chunk_read = False

    def watch(self, source: Any, raw: Any) -> None:
        """Record what ``raw`` reads from ``source`` from now on."""
        self._raw = weakref.ref(raw)
        try:
            source._moesif_recording = self  # noqa: SLF001 - ours
            source.__class__ = _recording_source(type(source))  # type: ignore[arg-type] # the same
        except (AttributeError, TypeError):
            # An object of a kind that cannot be watched, as some libraries for tests put there.
            self.end(is_whole=True)

    def release(self, *, is_wanted: bool) -> None:
        """Go on by itself, or not at all."""
        self._is_held = False
        if self._has_ended and is_wanted:
            self._ended(self._call, is_whole=self._is_whole, is_let_go=False)
        self._has_ended = self._has_ended or not is_wanted

    def read(self, source: Any, name: str, read: Callable[..., Any], arguments: Any, keywords: Any) -> Any:
        # Methods of a source read with others of its methods.
        if self._is_reading or self._has_ended:
            return read(*arguments, **keywords)
        self._is_reading = True
        try:
            result = read(*arguments, **keywords)
        finally:
            self._is_reading = False
        with suppress(Exception):  # whatever it is, it has been read
            chunk = bytes(memoryview(arguments[0])[:result]) if name == "readinto" else result
            if name != "_safe_read" or self._is_content(chunk):
                self._call.chunk(chunk)
            if _is_closed(source) and not getattr(source, "length", None):
                self.end(is_whole=True)
        return result

    def _is_content(self, chunk: bytes) -> bool:
        """Tell what is in a chunk of a chunked body from the end of the line behind it: urllib3 reads both alike."""
        is_content = not self._is_chunk_read
        self._is_chunk_read = is_content and len(chunk) == getattr(self._raw(), "chunk_left", None)
        return is_content

    def close(self, source: Any) -> None:
        """Notice that a source is about to be closed, and whether anything is left in it."""
        if self._is_reading or self._has_ended:
            return
        error = sys.exc_info()[1]
        if type(error).__module__ == "urllib3.exceptions":
            self._call.name_error(error)  # type: ignore[arg-type] # of that module
        elif _is_closed(source):
            # The connection ended before the body did: urllib3 raises, and closes it once more.
            return
        # urllib3 takes the chunks of a chunked body apart by itself, and closes the source behind the last one.
        raw = self._raw()
        is_whole = getattr(raw, "chunk_left", None) == 0 or getattr(source, "length", None) == 0
        # Whoever closes it may be a finaliser: of what it is a part of, or of a generator that reads it.
        is_let_go = self._response() is None or raw is None or gc.is_finalized(raw) or type(error) is GeneratorExit
        self.end(is_whole=is_whole, is_let_go=is_let_go and not is_whole)

    def let_go(self) -> None:
        """Notice that a source is about to be freed."""
        # When an interpreter ends, the call is recorded as it is let go.
        if not sys.is_finalizing():
            self.end(is_whole=False, is_let_go=True)

    def end(self, *, is_whole: bool, is_let_go: bool = False) -> None:
        """End the record, if it has not ended."""
        if self._has_ended:
            return
        self._has_ended = True
        self._is_whole = is_whole
        if not self._is_held:
            self._ended(self._call, is_whole=is_whole, is_let_go=is_let_go)

    def __del__(self) -> None:
        self.let_go()


def _recording_method(kind: type, name: str) -> Callable[..., Any]:
    method = getattr(kind, name)

    @functools.wraps(method)
    def read(self: Any, *arguments: Any, **keywords: Any) -> Any:
        return self._moesif_recording.read(self, name, functools.partial(method, self), arguments, keywords)

    return read


@functools.lru_cache(64)
def _recording_source(kind: type) -> type:
    """Return the class of such sources that record."""

    def close(self: Any) -> None:
        self._moesif_recording.close(self)
        kind.close(self)  # type: ignore[attr-defined]

    def let_go(self: Any) -> None:
        self._moesif_recording.let_go()
        kind.__del__(self)  # type: ignore[attr-defined]

    names = ("read", "read1", "readinto", "readline", "_safe_read")
    methods = {name: _recording_method(kind, name) for name in names if hasattr(kind, name)}
    if hasattr(kind, "close"):
        # Others, which wrap a source, find it in what they wrap.
        methods["close"] = close
    if hasattr(kind, "__del__"):
        # What it does is to close.
        methods["__del__"] = let_go
    more = {"__module__": kind.__module__, "__qualname__": kind.__qualname__, "__slots__": ()}
    return type(kind.__name__, (kind,), {**methods, **more})


def _is_closed(source: Any) -> bool:
    is_closed = getattr(source, "isclosed", None)
    return bool(is_closed() if callable(is_closed) else getattr(source, "closed", False))
