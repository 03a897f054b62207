"""Records bodies that are read in chunks.

A request body that is a file or an iterable is replaced while it is sent, by an object that passes everything on. A
response is recorded by its innermost object, the one that reads from the connection: every object that the application
holds stays the same.
"""

from __future__ import annotations

import functools
import gc
import io
import sys
import weakref
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from moesif.outgoing.failures import ignoring_failures, part

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from moesif import _native

    #: Called with the call; with ``is_whole``, whether all of its response has been read; and with ``is_abandoned``,
    #: whether a finaliser may be calling.
    Ended = Callable[..., None]

__all__ = ["RecordedRequest", "record_response"]

#: Attribute of a source that holds its ``Recording``.
_RECORDING = "_moesif_recording"
#: Attribute of the classes that record.
_RECORDING_CLASS = "_moesif_records"


class RecordedRequest:
    """A ``PreparedRequest`` whose body is recorded while it is sent.

    ``body_limit`` is how many bytes of it are recorded, ``None`` if bodies are not recorded.
    """

    def __init__(self, call: _native.OutgoingCall, request: Any, *, body_limit: int | None) -> None:
        self.call = call
        self.request = request
        if body_limit is None:
            return
        # If another thread is sending the same request, its body is replaced already.
        body = _original(part(request, "body"))
        replacement = _replacement(call, body, body_limit)
        if replacement is not None:
            request.body = replacement

    def restore(self, *outcomes: Any) -> None:
        """Put the original body back: into the request, and into its copies in responses and exceptions."""
        known = [self.request]
        for one in outcomes:
            history = part(one, "history")
            for answer in (one, *(history if isinstance(history, list) else ())):
                known += [part(answer, "request"), part(answer, "_next")]
        for request in known:
            body = part(request, "body")
            if issubclass(type(body), _RecordedBody):
                request.body = _original(body)


def _original(body: Any) -> Any:
    while issubclass(type(body), _RecordedBody):
        body = body._moesif_body  # noqa: SLF001 - ours
    return body


def _replacement(call: _native.OutgoingCall, body: Any, limit: int) -> Any:
    """Return what to send instead of a body. ``None`` if the body itself is sent."""
    if body is None or isinstance(body, (bytes, str)):
        return None
    if not hasattr(body, "read"):
        with suppress(TypeError):
            _record_buffer(call, memoryview(body), limit)
            return None
    return _recording_body(type(body))(call, body)


def _record_buffer(call: _native.OutgoingCall, buffer: memoryview, limit: int) -> None:
    """Record the start of a buffer and its size. The buffer itself is sent."""
    if buffer.c_contiguous:
        content = buffer.cast("B")
        call.request_chunk(0, bytes(content[:limit]))
        call.request_chunk(content.nbytes, b"")


class _RecordedBody:
    """Stands in for a file or an iterable while it is sent. Has the attributes that the body has, and no others."""

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
        # A copy or a pickle is one of the body.
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
        with ignoring_failures:  # what cannot be recorded is sent all the same
            chunk = chunk.encode(errors="replace") if isinstance(chunk, str) else bytes(chunk or b"")
            self._moesif_call.request_chunk(self._moesif_position, chunk)
            self._moesif_position += len(chunk)


def _iterate(self: _RecordedBody) -> Iterator[Any]:
    # A second iteration starts again, unless the body is its own iterator.
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


#: The classes made so far. They do not refer to the classes they stand in for, which can be freed.
_recording_bodies: weakref.WeakKeyDictionary[type, type[_RecordedBody]] = weakref.WeakKeyDictionary()


def _recording_body(kind: type) -> type[_RecordedBody]:
    """Return the class that stands in for bodies of a class. Python looks special methods up on the class."""
    made = _recording_bodies.get(kind)
    if made is not None:
        return made
    methods = {name: method for name, method in _SPECIAL.items() if hasattr(kind, name)}
    if hasattr(kind, "__getitem__"):
        # Python can iterate anything that has __getitem__.
        methods["__iter__"] = _iterate
    return _recording_bodies.setdefault(kind, type(kind.__name__, (_RecordedBody,), methods))


def _position(body: Any) -> int | None:
    with ignoring_failures:
        position = body.tell()
        if isinstance(position, int):
            return position
    return None


def record_response(call: _native.OutgoingCall, response: Any, ended: Ended) -> Recording:
    """Record the body of a ``Response`` as it is read. ``ended`` is called once: when it is read, closed or freed."""
    recording = Recording(call, response, ended)
    raw = part(response, "raw")
    source = part(raw, "_fp")
    if part(response, "_content_consumed"):
        call.content(part(response, "content") if isinstance(part(response, "_content"), bytes) else b"")
        recording.end(is_whole=True)
    elif source is None or _is_closed(source) or part(source, "length") == 0:
        recording.end(is_whole=True)
    elif _position(raw):
        # A hook of the application has read its start, which cannot be recorded any more.
        recording.end(is_whole=False)
    else:
        recording.watch(source, raw)
    return recording


def _reference(thing: Any) -> Callable[[], Any]:
    """Return a weak reference. An object without weak references, such as a stand-in with slots, counts as alive."""
    try:
        return weakref.ref(thing)
    except TypeError:
        return object


class Recording:
    """Records what is read from a source, and notices its end. Does not report the end before ``release``."""

    def __init__(self, call: _native.OutgoingCall, response: Any, ended: Ended) -> None:
        self._call = call
        self._response = _reference(response)
        self._raw: Callable[[], Any] = lambda: None
        self._ended = ended
        self._is_held = True
        self._is_reading = False
        self._has_ended = False
        self._is_whole = False
        self._is_chunk_read = False

    def watch(self, source: Any, raw: Any) -> None:
        """Record what ``raw`` reads from ``source`` from now on."""
        self._raw = _reference(raw)
        try:
            setattr(source, _RECORDING, self)
        except (AttributeError, TypeError):
            self.end(is_whole=True)
            return
        if hasattr(type(source), _RECORDING_CLASS):
            return
        try:
            source.__class__ = _recording_source(type(source))  # type: ignore[arg-type] # the same
        except (AttributeError, TypeError):
            # Some test libraries use a kind of object whose class cannot be changed, such as io.BytesIO.
            delattr(source, _RECORDING)
            self.end(is_whole=True)

    def release(self, *, is_wanted: bool) -> None:
        """Report the end when it comes, or now if it has come. Stop recording if the call is not wanted."""
        self._is_held = False
        if self._has_ended and is_wanted:
            self._ended(self._call, is_whole=self._is_whole, is_abandoned=False)
        self._has_ended = self._has_ended or not is_wanted

    def read(self, source: Any, name: str, read: Callable[..., Any], arguments: Any, keywords: Any) -> Any:
        # A method of the source may call another one: record only the outer one.
        if self._is_reading or self._has_ended:
            return read(*arguments, **keywords)
        self._is_reading = True
        try:
            result = read(*arguments, **keywords)
        finally:
            self._is_reading = False
        is_at_end = False
        with ignoring_failures:  # what cannot be recorded has been read all the same
            chunk = bytes(memoryview(arguments[0])[:result]) if name == "readinto" else result
            if name != "_safe_read" or self._is_content(chunk):
                self._call.chunk(chunk)
            is_at_end = _is_closed(source) and not getattr(source, "length", None)
        if is_at_end:
            self.end(is_whole=True)
        return result

    def _is_content(self, chunk: bytes) -> bool:
        """Return whether a read is a chunk of a chunked body, not the line end after it: urllib3 reads both alike."""
        is_content = not self._is_chunk_read
        self._is_chunk_read = is_content and len(chunk) == getattr(self._raw(), "chunk_left", None)
        return is_content

    def close(self, source: Any) -> None:
        """Handle that a source is about to be closed, possibly before its end."""
        if self._is_reading or self._has_ended:
            return
        error = sys.exc_info()[1]
        if type(error).__module__ == "urllib3.exceptions":
            self._call.set_error(error)  # type: ignore[arg-type] # of that module
        elif _is_closed(source):
            # The connection ended before the body did. urllib3 raises, and closes the source once more.
            return
        # urllib3 splits a chunked body itself, and closes the source after the last chunk.
        raw = self._raw()
        is_whole = getattr(raw, "chunk_left", None) == 0 or getattr(source, "length", None) == 0
        # The caller may be a finaliser: of the response, of its raw object, or of a generator that reads it.
        is_abandoned = self._response() is None or raw is None or gc.is_finalized(raw) or type(error) is GeneratorExit
        self.end(is_whole=is_whole, is_abandoned=is_abandoned and not is_whole)

    def abandon(self) -> None:
        """Handle that a source is about to be freed."""
        # When the interpreter ends, the native call records itself as it is freed.
        if not sys.is_finalizing():
            self.end(is_whole=False, is_abandoned=True)

    def end(self, *, is_whole: bool, is_abandoned: bool = False) -> None:
        """End the record, unless it has ended."""
        if self._has_ended:
            return
        self._has_ended = True
        self._is_whole = is_whole
        if not self._is_held:
            self._ended(self._call, is_whole=is_whole, is_abandoned=is_abandoned)

    def __reduce__(self) -> tuple[type[None], tuple[()]]:
        # A copy of the source is not recorded.
        return type(None), ()

    def __del__(self) -> None:
        self.abandon()


@functools.lru_cache(64)
def _recording_source(kind: type) -> type:
    """Return the subclass of a source's class that records.

    It finds the methods of ``kind`` at each call, as ``super()`` does. Other code may have replaced them by anything
    callable, and may replace them later.
    """

    def original(self: Any) -> Any:
        return super(recording, self)

    def recording_method(name: str) -> Callable[..., Any]:
        @functools.wraps(getattr(kind, name))
        def read(self: Any, *arguments: Any, **keywords: Any) -> Any:
            return self._moesif_recording.read(self, name, getattr(original(self), name), arguments, keywords)

        return read

    def close(self: Any) -> None:
        self._moesif_recording.close(self)
        original(self).close()

    def abandon(self: Any) -> None:
        self._moesif_recording.abandon()
        original(self).__del__()

    def reduce(self: Any, protocol: Any) -> Any:
        # A copy or a pickle is one of the original class.
        reduced = original(self).__reduce_ex__(protocol)
        return _of_class(reduced, kind, recording) if isinstance(reduced, tuple) else reduced

    names = ("read", "read1", "readinto", "readline", "_safe_read")
    methods: dict[str, Any] = {name: recording_method(name) for name in names if hasattr(kind, name)}
    # pickle compares the class in the result with ``__class__``.
    methods |= {"__reduce_ex__": reduce, "__class__": property(lambda _self: kind)}
    if hasattr(kind, "close"):
        # A class without close wraps another source and takes close from it.
        methods["close"] = close
    if hasattr(kind, "__del__"):
        # It closes the source.
        methods["__del__"] = abandon
    more = {_RECORDING_CLASS: True, "__module__": kind.__module__, "__qualname__": kind.__qualname__, "__slots__": ()}
    recording = type(kind.__name__, (kind,), {**methods, **more})
    return recording


def _of_class(value: Any, kind: type, recording: type) -> Any:
    """Return the result of ``__reduce_ex__`` with the original class, and without the attribute that is ours."""
    if value is recording:
        return kind
    if type(value) is tuple:
        return tuple(_of_class(part, kind, recording) for part in value)
    if type(value) is dict and _RECORDING in value:
        return {name: part for name, part in value.items() if name != _RECORDING}
    return value


def _is_closed(source: Any) -> bool:
    is_closed = part(source, "isclosed")
    return bool(is_closed() if callable(is_closed) else part(source, "closed"))
