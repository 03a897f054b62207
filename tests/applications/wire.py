"""What an application may do to its server, one way per path; ``app`` is captured and ``bare`` is not.

Every response carries ``X-Application``, so that a test can tell it from one that the server made by itself. What
cannot be seen on the wire goes into the file ``JOURNAL``: one line for each call and for each ``close``.
"""

from __future__ import annotations

import io
import os
import sys
import tempfile
from typing import TYPE_CHECKING, Any

from moesifwsgi import MoesifMiddleware
from tests.applications.reading import WAYS
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


def _note(environ: Environ, what: str) -> None:
    line = f"{environ.get('HTTP_X_CASE')} {what}\n".encode()
    journal = os.open(os.environ["JOURNAL"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
    try:
        # One write: the processes of a server share the file.
        os.write(journal, line)
    finally:
        os.close(journal)


class Closed:
    """Chunks that note when they are closed, and how many had been taken."""

    def __init__(self, environ: Environ, chunks: Iterable[bytes]) -> None:
        self.environ, self.chunks, self.taken = environ, chunks, 0

    def __iter__(self) -> Iterator[bytes]:
        for chunk in self.chunks:
            self.taken += 1
            yield chunk

    def close(self) -> None:
        _note(self.environ, f"closed after {self.taken}")


class Sized(Closed):
    """The same with a length."""

    def __len__(self) -> int:
        return 1


class Rows(list[bytes]):
    """A list by descent only."""

    def __iter__(self) -> Iterator[bytes]:
        yield b"rows"


class Reader:
    """A file that can be read and nothing else."""

    def __init__(self, stream: io.BytesIO) -> None:
        self.read = stream.read


@_behaviour
def status(environ: Environ, start_response: Any) -> list[bytes]:
    """Answer the status line the path names."""
    line = environ["PATH_INFO"].removeprefix("/status/")
    start_response(line, TEXT)
    return [] if line[:3] in ("204", "304") else [b"body of " + line.encode("latin-1")]


@_behaviour
def headers(_environ: Environ, start_response: Any) -> list[bytes]:
    """Answer headers whose order and number matter."""
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
    """Answer a header no server should send."""
    start_response("200 OK", [("X-Split", "a\r\nX-Injected: b"), *TEXT])
    return [b"split"]


@_behaviour
def shape(environ: Environ, start_response: Any) -> Any:
    """Answer in the form the path names."""
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
        "closed": lambda: Closed(environ, chunks),
        "sized": lambda: Sized(environ, (b"hello",)),
        "rows": Rows,
        "dictionary": lambda: {b"hello": 1},
        "large": lambda: Closed(environ, [bytes([number]) * 65536 for number in range(20)]),
    }
    return shapes[environ["PATH_INFO"].split("/")[2]]()


@_behaviour
def wrong_length(environ: Environ, start_response: Any) -> Any:
    """Announce another length than what follows."""
    start_response("200 OK", [*TEXT, ("Content-Length", environ["PATH_INFO"].rpartition("/")[2])])
    return Closed(environ, (b"hel", b"lo"))


@_behaviour
def file(environ: Environ, start_response: Any) -> Any:
    """Answer a file in the way the server has for it."""
    kind = environ["PATH_INFO"].rpartition("/")[2]
    content = bytes(range(256)) * (4096 if kind == "large" else 4)
    opened: Any = io.BytesIO(content) if kind in ("memory", "reader") else tempfile.TemporaryFile()  # noqa: SIM115 - the server closes it
    if not isinstance(opened, io.BytesIO):
        opened.write(content)
        opened.flush()
    opened.seek(10 if kind == "rest" else 0)
    if kind == "reader":
        opened = Reader(opened)
    start_response("200 OK", [("Content-Type", "application/octet-stream")])
    return environ.get("wsgi.file_wrapper", lambda file: Closed(environ, iter(lambda: file.read(8192), b"")))(opened)


@_behaviour
def write(environ: Environ, start_response: Any) -> Any:
    """Use the callable that ``start_response`` returns."""
    send = start_response("200 OK", TEXT)
    send(b"writ")
    send(b"ten, ")
    return Closed(environ, [] if environ["PATH_INFO"].endswith("/only") else [b"returned"])


@_behaviour
def replaced(environ: Environ, start_response: Any) -> Any:
    """Fail after ``start_response`` and answer something else."""
    start_response("200 OK", [*TEXT, ("X-First", "1")])
    try:
        message = "replaced"
        raise ValueError(message)  # noqa: TRY301
    except ValueError:
        start_response("503 Sorry", [*TEXT, ("X-Second", "2")], sys.exc_info())
    return Closed(environ, (b"sorry",))


@_behaviour
def replaced_too_late(_environ: Environ, start_response: Any) -> Iterator[bytes]:
    """Try the same when the head has been sent."""
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
    """Call ``start_response`` again without a reason."""
    start_response("200 OK", TEXT)
    start_response("201 Created", TEXT)
    return [b"twice"]


@_behaviour
def never_started(environ: Environ, _start_response: Any) -> Any:
    """Answer without a head."""
    return Closed(environ, (b"headless",))


@_behaviour
def started_late(environ: Environ, start_response: Any) -> Any:
    """Call ``start_response`` when the first chunk is asked for."""

    def chunks() -> Iterator[bytes]:
        start_response("202 Accepted", TEXT)
        yield b"late"

    return Closed(environ, chunks())


@_behaviour
def fails(environ: Environ, start_response: Any) -> Any:
    """Raise at the moment the path names."""
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

    class FailsInClose(Closed):
        def close(self) -> None:
            super().close()
            raise failure

    return (FailsInClose if moment == "close" else Closed)(environ, chunks())


@_behaviour
def improper(environ: Environ, start_response: Any) -> Any:
    """Answer what is no iterable of bytes."""
    start_response("200 OK", TEXT)
    return {"none": None, "number": 5, "text": ["text"], "bytes": b"bytes", "string": "string"}[
        environ["PATH_INFO"].rpartition("/")[2]
    ]


@_behaviour
def read(environ: Environ, start_response: Any) -> Any:
    """Read the request's body in the way the path names, and answer it."""
    way = environ["PATH_INFO"].removeprefix("/read")
    length = environ.get("CONTENT_LENGTH")
    stream = environ["wsgi.input"]
    if environ.get("SERVER_SOFTWARE", "").startswith("WSGIServer") or (way == "/read" and length):
        # PEP 3333 leaves the counting to the application.
        stream = io.BytesIO(stream.read(int(length or 0)))
    body = WAYS[way](stream)
    start_response("200 OK", TEXT)
    return Closed(environ, (b"read %d: " % len(body), body))


@_behaviour
def unread(environ: Environ, start_response: Any) -> Any:
    """Answer without a look at the body."""
    start_response("401 Unauthorized", TEXT)
    return Closed(environ, (b"who are you",))


@_behaviour
def seen(environ: Environ, start_response: Any) -> list[bytes]:
    """Answer what the server has put into ``environ``."""

    def shown(name: str) -> object:
        value = environ[name]
        # What is text and neither a port, a place of this server nor of its process can be compared.
        apart = ("_PORT", "SCRIPT_FILENAME", "PATH_TRANSLATED", "DOCUMENT_ROOT", "mod_wsgi.")
        is_shown = isinstance(value, (str, bool, tuple)) and not any(part in name for part in apart)
        return value if is_shown else type(value).__name__

    names = sorted(name for name in environ if not name.startswith("moesif.") and name not in os.environ)
    # A stream that records takes its place while there is a body; tests of request bodies look at it.
    names.remove("wsgi.input")
    start_response("200 OK", TEXT)
    return [f"{name}: {shown(name)!a}\n".encode() for name in names]


@_behaviour
def process(_environ: Environ, start_response: Any) -> list[bytes]:
    """Tell which process answers."""
    start_response("200 OK", TEXT)
    return [b"%d" % os.getpid()]


@_behaviour
def steps(environ: Environ, start_response: Any) -> Any:
    """Make the second chunk once the gate has opened."""

    def chunks() -> Iterator[bytes]:
        yield b"first"
        pass_gate()
        yield b"second"

    start_response("200 OK", TEXT)
    return Closed(environ, chunks())


@_behaviour
def flood(environ: Environ, start_response: Any) -> Any:
    """Go on for long after most clients have left."""

    class Left(Closed):
        def close(self) -> None:
            # How far the server has come depends on how much a socket holds.
            _note(self.environ, "closed")

    start_response("200 OK", TEXT)
    return Left(environ, (bytes(65536) for _ in range(300)))


def bare(environ: Environ, start_response: Any) -> Any:
    """Do what the path names."""
    _note(environ, "called")

    def start(status: str, fields: list[tuple[str, str]], *exc_info: Any) -> Any:
        return start_response(status, [("X-Application", "wire"), *fields], *exc_info)

    return BEHAVIOURS[environ["PATH_INFO"].split("/")[1]](environ, start)


def _company(_app: object, environ: Environ, _headers: object) -> str:
    # Where the application has read nothing, reading would wait for the client.
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
