"""An application that reads its request body with the method that the path names, and answers what it read."""

from __future__ import annotations

import hashlib
import io
from typing import TYPE_CHECKING, Any

from moesifwsgi import MoesifMiddleware

if TYPE_CHECKING:
    from collections.abc import Callable


class RawInput(io.RawIOBase):
    """The adapter with which frameworks make ``wsgi.input`` usable for ``io.BufferedReader``."""

    def __init__(self, stream: Any) -> None:
        self.stream = stream

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self.stream.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)


def _whole(stream: Any) -> bytes:
    return bytes(stream.read())


def _in_pieces(stream: Any) -> bytes:
    pieces = []
    while piece := stream.read(7):
        pieces.append(piece)
    return b"".join(pieces)


def _by_readline(stream: Any) -> bytes:
    lines = []
    while line := stream.readline():
        lines.append(line)
    return b"".join(lines)


def _mixed(stream: Any) -> bytes:
    return bytes(stream.read(3) + stream.readline() + stream.read())


READERS: dict[str, Callable[[Any], bytes]] = {
    "/read": _whole,
    "/pieces": _in_pieces,
    "/readline": _by_readline,
    "/readlines": lambda stream: b"".join(stream.readlines()),
    "/iterate": b"".join,
    "/mixed": _mixed,
    "/buffered": lambda stream: io.BufferedReader(RawInput(stream)).read(),
    "/nothing": lambda _stream: b"",
}


class _Bounded:
    """Stops at the end of the body. PEP 3333 lets a server's stream block there, so applications must count bytes."""

    def __init__(self, stream: Any, length: int) -> None:
        self.stream, self.remaining = stream, length

    def _take(self, data: bytes) -> bytes:
        self.remaining -= len(data)
        return data

    def read(self, size: int = -1) -> bytes:
        size = self.remaining if size < 0 else min(size, self.remaining)
        return self._take(self.stream.read(size)) if size else b""

    def readline(self) -> bytes:
        return self._take(self.stream.readline(self.remaining)) if self.remaining else b""

    def readlines(self) -> list[bytes]:
        return list(self)

    def __iter__(self) -> _Bounded:
        return self

    def __next__(self) -> bytes:
        if line := self.readline():
            return line
        raise StopIteration


def bare(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    """Read the body, then answer with its size, its digest and its start."""
    stream = environ["wsgi.input"]
    if environ["SERVER_SOFTWARE"].startswith("WSGIServer"):
        stream = _Bounded(stream, int(environ.get("CONTENT_LENGTH") or 0))
    if environ["PATH_INFO"] == "/unread":
        start_response("401 Unauthorized", [("Content-Type", "text/plain")])
        return [b"unauthorized"]
    body = READERS[environ["PATH_INFO"]](stream)
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"%d %s " % (len(body), hashlib.sha256(body).hexdigest().encode()), body[:100]]


app = MoesifMiddleware(bare, {})
