"""An application with one behaviour per path. ``app`` has the middleware, ``bare`` does not.

Every response has the header ``X-Application``, which distinguishes it from responses that the server makes
itself. What is not visible on the wire is written to the file ``JOURNAL``: one line for each call and one for
each ``close``.
"""

from __future__ import annotations

import io
import os
import sys
import tempfile
from typing import TYPE_CHECKING, Any

from moesifwsgi import MoesifMiddleware
from tests.applications.reading import READERS
from tests.gate import pass_gate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    Environ = dict[str, Any]
    Behaviour = Callable[[Environ, Any], Any]

TEXT = [("Content-Type", "text/plain")]
BEHAVIOURS: dict[str, Behaviour] = {}


def _behaviour(function: Behaviour) -> Behaviour:
    BEHAVIOURS[function.__name__] = function
    return function


def _write_to_journal(environ: Environ, what: str) -> None:
    line = f"{environ.get('HTTP_X_CASE')} {what}\n".encode()
    journal = os.open(os.environ["JOURNAL"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
    try:
        # A single write, because the processes of a server share the file.
        os.write(journal, line)
    finally:
        os.close(journal)


class JournaledChunks:
    """Chunks that write to the journal when they are closed, and how many were yielded."""

    def __init__(self, environ: Environ, chunks: Iterable[bytes]) -> None:
        self.environ, self.chunks, self.yielded = environ, chunks, 0

    def __iter__(self) -> Iterator[bytes]:
        for chunk in self.chunks:
            self.yielded += 1
            yield chunk

    def close(self) -> None:
        _write_to_journal(self.environ, f"closed after {self.yielded}")


class SizedChunks(JournaledChunks):
    """Chunks with a length."""

    def __len__(self) -> int:
        return 1


class OverriddenList(list[bytes]):
    """A subclass of list with its own iteration."""

    def __iter__(self) -> Iterator[bytes]:
        yield b"rows"


class ReadOnlyFile:
    """A file that has only ``read``."""

    def __init__(self, stream: io.BytesIO) -> None:
        self.read = stream.read


@_behaviour
def status(environ: Environ, start_response: Any) -> list[bytes]:
    """Answer with the status line in the path."""
    line = environ["PATH_INFO"].removeprefix("/status/")
    start_response(line, TEXT)
    return [] if line[:3] in ("204", "304") else [b"body of " + line.encode("latin-1")]


@_behaviour
def headers(_environ: Environ, start_response: Any) -> list[bytes]:
    """Answer with headers whose order and number matter."""
    fields = [
        ("X-Zed", "z"),
        ("X-Alpha", "a"),
        ("Set-Cookie", "a=1; Path=/"),
        ("X-Zed", "again"),
        ("x-lower", "l"),
        ("Set-Cookie", "b=2; HttpOnly"),
        ("X-Empty", ""),
        ("Set-Cookie", "a=1; Path=/"),
        ("X-Latin", "caf\xe9"),
        ("Vary", "a"),
        ("Vary", "b"),
    ]
    start_response("200 OK", [*fields, *TEXT])
    return [b"headers"]


@_behaviour
def split_header(_environ: Environ, start_response: Any) -> list[bytes]:
    """Answer with a header that contains a line break."""
    start_response("200 OK", [("X-Split", "a\r\nX-Injected: b"), *TEXT])
    return [b"split"]


@_behaviour
def shape(environ: Environ, start_response: Any) -> Any:
    """Answer with an iterable of the type that the path names."""
    with_length = environ["PATH_INFO"].endswith("/length")
    start_response("200 OK", TEXT + ([("Content-Length", "5")] if with_length else []))
    chunks: tuple[bytes, ...] = (b"hel", b"", b"lo")
    shapes: dict[str, Callable[[], Any]] = {
        "list": lambda: [b"hello"],
        "pieces": lambda: list(chunks),
        "nothing": list,
        "empty": lambda: [b""],
        "tuple": lambda: chunks,
        "generator": lambda: (chunk for chunk in chunks),
        "no-chunk": lambda: (chunk for chunk in chunks[:0]),
        "iterator": lambda: iter(chunks),
        "closed": lambda: JournaledChunks(environ, chunks),
        "sized": lambda: SizedChunks(environ, (b"hello",)),
        "rows": OverriddenList,
        "dictionary": lambda: {b"hello": 1},
        "large": lambda: JournaledChunks(environ, [bytes([number]) * 65536 for number in range(20)]),
    }
    return shapes[environ["PATH_INFO"].split("/")[2]]()


@_behaviour
def wrong_length(environ: Environ, start_response: Any) -> Any:
    """Answer with a Content-Length that does not match the body."""
    start_response("200 OK", [*TEXT, ("Content-Length", environ["PATH_INFO"].rpartition("/")[2])])
    return JournaledChunks(environ, (b"hel", b"lo"))


@_behaviour
def file(environ: Environ, start_response: Any) -> Any:
    """Answer with a file, using the server's ``wsgi.file_wrapper`` if there is one."""
    kind = environ["PATH_INFO"].rpartition("/")[2]
    content = bytes(range(256)) * (4096 if kind == "large" else 4)
    opened: Any = io.BytesIO(content) if kind in ("memory", "reader") else tempfile.TemporaryFile()  # noqa: SIM115 - the server closes it
    if not isinstance(opened, io.BytesIO):
        opened.write(content)
        opened.flush()
    opened.seek(10 if kind == "rest" else 0)
    if kind == "reader":
        opened = ReadOnlyFile(opened)
    start_response("200 OK", [("Content-Type", "application/octet-stream")])
    return environ.get("wsgi.file_wrapper", lambda file: JournaledChunks(environ, iter(lambda: file.read(8192), b"")))(
        opened
    )


@_behaviour
def write(environ: Environ, start_response: Any) -> Any:
    """Answer with the ``write`` function that ``start_response`` returns."""
    send = start_response("200 OK", TEXT)
    send(b"writ")
    send(b"ten, ")
    return JournaledChunks(environ, [] if environ["PATH_INFO"].endswith("/only") else [b"returned"])


@_behaviour
def replaced(environ: Environ, start_response: Any) -> Any:
    """Fail after ``start_response``, and replace the response."""
    start_response("200 OK", [*TEXT, ("X-First", "1")])
    try:
        message = "replaced"
        raise ValueError(message)  # noqa: TRY301
    except ValueError:
        start_response("503 Sorry", [*TEXT, ("X-Second", "2")], sys.exc_info())
    return JournaledChunks(environ, (b"sorry",))


@_behaviour
def replaced_too_late(_environ: Environ, start_response: Any) -> Iterator[bytes]:
    """Try to replace the response after its head was sent."""
    start_response("200 OK", TEXT)
    yield b"part"
    try:
        message = "too late"
        raise ValueError(message)  # noqa: TRY301
    except ValueError:
        start_response("503 Sorry", TEXT, sys.exc_info())
    yield b"never"


@_behaviour
def started_twice(_environ: Environ, start_response: Any) -> list[bytes]:
    """Call ``start_response`` twice without ``exc_info``."""
    start_response("200 OK", TEXT)
    start_response("201 Created", TEXT)
    return [b"twice"]


@_behaviour
def never_started(environ: Environ, _start_response: Any) -> Any:
    """Answer without calling ``start_response``."""
    return JournaledChunks(environ, (b"headless",))


@_behaviour
def started_late(environ: Environ, start_response: Any) -> Any:
    """Call ``start_response`` when the server asks for the first chunk."""

    def chunks() -> Iterator[bytes]:
        start_response("202 Accepted", TEXT)
        yield b"late"

    return JournaledChunks(environ, chunks())


@_behaviour
def fails(environ: Environ, start_response: Any) -> Any:
    """Raise an exception at the moment that the path names."""
    moment = environ["PATH_INFO"].rpartition("/")[2]
    failure = LookupError(f"fails {moment}")
    if moment == "before":
        raise failure
    start_response("200 OK", TEXT)
    if moment == "after":
        raise failure

    def chunks() -> Iterator[bytes]:
        if moment == "first":
            raise failure
        yield b"part one, "
        yield b"part two"
        if moment == "middle":
            raise failure

    class FailsInClose(JournaledChunks):
        def close(self) -> None:
            super().close()
            raise failure

    return (FailsInClose if moment == "close" else JournaledChunks)(environ, chunks())


@_behaviour
def improper(environ: Environ, start_response: Any) -> Any:
    """Return a value that is not an iterable of bytes."""
    start_response("200 OK", TEXT)
    return {"none": None, "number": 5, "text": ["text"], "bytes": b"bytes", "string": "string"}[
        environ["PATH_INFO"].rpartition("/")[2]
    ]


@_behaviour
def read(environ: Environ, start_response: Any) -> Any:
    """Answer with the request body, read with the method that the path names."""
    way = environ["PATH_INFO"].removeprefix("/read")
    length = environ.get("CONTENT_LENGTH")
    stream = environ["wsgi.input"]
    if environ.get("SERVER_SOFTWARE", "").startswith("WSGIServer") or (way == "/read" and length):
        # PEP 3333 lets the stream of a server block after the body, so applications must count bytes.
        stream = io.BytesIO(stream.read(int(length or 0)))
    body = READERS[way](stream)
    start_response("200 OK", TEXT)
    return JournaledChunks(environ, (b"read %d: " % len(body), body))


@_behaviour
def unread(environ: Environ, start_response: Any) -> Any:
    """Answer without reading the body."""
    start_response("401 Unauthorized", TEXT)
    return JournaledChunks(environ, (b"unauthorized",))


@_behaviour
def seen(environ: Environ, start_response: Any) -> list[bytes]:
    """Answer with the contents of ``environ``."""

    def shown(name: str) -> object:
        value = environ[name]
        # Ports and paths differ between two servers, and so do objects: show only their type.
        varying = ("_PORT", "SCRIPT_FILENAME", "PATH_TRANSLATED", "DOCUMENT_ROOT", "mod_wsgi.")
        is_shown = isinstance(value, (str, bool, tuple)) and not any(part in name for part in varying)
        return value if is_shown else type(value).__name__

    names = sorted(name for name in environ if not name.startswith("moesif.") and name not in os.environ)
    # The middleware replaces this stream if there is a body. Tests of request bodies cover that.
    names.remove("wsgi.input")
    start_response("200 OK", TEXT)
    return [f"{name}: {shown(name)!a}\n".encode() for name in names]


@_behaviour
def process(_environ: Environ, start_response: Any) -> list[bytes]:
    """Answer with the process id."""
    start_response("200 OK", TEXT)
    return [b"%d" % os.getpid()]


@_behaviour
def steps(environ: Environ, start_response: Any) -> Any:
    """Yield the second chunk only after the gate was opened."""

    def chunks() -> Iterator[bytes]:
        yield b"first"
        pass_gate()
        yield b"second"

    start_response("200 OK", TEXT)
    return JournaledChunks(environ, chunks())


@_behaviour
def flood(environ: Environ, start_response: Any) -> Any:
    """Answer with 20 MB, for clients that disconnect early."""

    class JournaledClose(JournaledChunks):
        def close(self) -> None:
            # The number of chunks depends on the size of the socket buffers.
            _write_to_journal(self.environ, "closed")

    start_response("200 OK", TEXT)
    return JournaledClose(environ, (bytes(65536) for _ in range(300)))


def bare(environ: Environ, start_response: Any) -> Any:
    """Run the behaviour that the path names."""
    _write_to_journal(environ, "called")

    def start(status: str, fields: list[tuple[str, str]], *exc_info: Any) -> Any:
        return start_response(status, [("X-Application", "wire"), *fields], *exc_info)

    return BEHAVIOURS[environ["PATH_INFO"].split("/")[1]](environ, start)


def _company(_app: object, environ: Environ, _headers: object) -> str:
    # If the application has read nothing, reading here would wait for the client.
    body = environ["wsgi.input"].read() if "moesif.request_body" in environ else b""
    return f"company of {len(body)} bytes"


EVERYTHING: dict[str, Any] = {
    "SKIP": lambda _app, _environ: False,
    "IDENTIFY_USER": lambda _app, environ, _headers: environ.get("HTTP_X_CASE"),
    "IDENTIFY_COMPANY": _company,
    "GET_METADATA": lambda _app, environ: {"case": environ.get("HTTP_X_CASE")},
    "GET_SESSION_TOKEN": lambda _app, _environ: "token",
    "MASK_EVENT_MODEL": lambda event: event,
    "REQUEST_BODY_MASKS": ["password"],
    "RESPONSE_HEADER_MASKS": ["Set-Cookie"],
}

app = MoesifMiddleware(bare, EVERYTHING if "EVERYTHING" in os.environ else {})
