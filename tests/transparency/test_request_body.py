"""The application reads the client's request body, and what it reads is recorded (docs/guarantees.md, I-10)."""

from __future__ import annotations

import base64
import gc
import io
import json
import socket
import sys
import weakref
from typing import TYPE_CHECKING, Any

import pytest

from tests.gateway import Environ, make_environ, request
from tests.server import SERVERS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from typing_extensions import Self

    from tests.conftest import Serve, Wrap
    from tests.recorder import Recorder

# Paths of tests/applications/reading.py, one for each way to read.
WAYS = ("/read", "/pieces", "/readline", "/readlines", "/iterate", "/mixed", "/buffered", "/nothing")
LINES = b"first line\n\n\x00\xff binary \r\nno end" * 9
DOCUMENT = json.dumps({"a": list(range(50)), "b": "\n" * 20}, indent=1).encode()


def _chunked(body: bytes) -> bytes:
    pieces = [body[start : start + 11] for start in range(0, len(body), 11)]
    return b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in [*pieces, b""])


def _raw_request(path: str, body: bytes, *, chunked: bool) -> bytes:
    framing = b"Transfer-Encoding: chunked" if chunked else b"Content-Length: %d" % len(body)
    head = b"POST %s HTTP/1.1\r\nHost: h\r\nConnection: close\r\n%s\r\n\r\n" % (path.encode(), framing)
    return head + (_chunked(body) if chunked else body)


def _exchange(address: tuple[str, int], message: bytes) -> bytes:
    with socket.create_connection(address, 10) as client:
        client.sendall(message)
        return b"".join(iter(lambda: client.recv(65536), b"")).partition(b"\r\n\r\n")[2]


@pytest.mark.parametrize("server", SERVERS)
@pytest.mark.parametrize("first", [False, True], ids=["as-read", "read-first"])
def test_applications_read_the_same_bytes_on_real_servers(
    serve: Serve, recorder: Recorder, server: str, *, first: bool
) -> None:
    bare = serve("reading:bare", server, to=recorder)
    captured = serve("reading:app", server, to=recorder, READ_REQUEST_BODY_FIRST=first)
    sent = []
    for path in WAYS:
        for body in (LINES, b"x", DOCUMENT, b"", b"0123456789" * 20_000):
            for chunked in (False, True) if server != "wsgiref" else (False,):
                message = _raw_request(path, body, chunked=chunked)
                answer = _exchange(captured.address, message)
                assert answer
                assert answer == _exchange(bare.address, message), (path, chunked, body[:20])
                sent.append((path, body, chunked))
    captured.stop()
    events = sorted(recorder.wait_for(len(sent)), key=lambda event: event["request"]["time"])
    assert len(events) == len(sent)

    def is_chunked(sent: bool) -> bool:  # noqa: FBT001
        # Waitress collects the chunks before it calls the application, and sets a length.
        return sent and server != "waitress"

    # Threads may finish in any order, so compare all recordings at once.
    recorded = sorted((event["request"]["uri"], _recorded_body(event)) for event in events)
    expected = sorted(
        (f"http://h{path}", body if path != "/nothing" or (first and not is_chunked(chunked)) else b"")
        for path, body, chunked in sent
    )
    assert recorded == expected


def _recorded_body(event: dict[str, Any]) -> bytes:
    body = event["request"].get("body")
    if body is None:
        return b""
    if event["request"]["transfer_encoding"] == "json":
        assert body == json.loads(DOCUMENT)
        return DOCUMENT
    return base64.b64decode(body)


@pytest.mark.parametrize("server", ["gunicorn-sync", "gunicorn-gthread"])
def test_response_to_unread_body_does_not_wait_for_it(serve: Serve, recorder: Recorder, server: str) -> None:
    running = serve("reading:app", server, to=recorder)
    with running.connect() as client:
        client.sendall(b"POST /unread HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Length: 1000\r\n\r\npart")
        # The client has not sent the other 996 bytes.
        assert client.recv(12) == b"HTTP/1.1 401"
    [event] = recorder.wait_for(1)
    assert event["response"]["status"] == 401
    assert event["request"]["headers"]["Content-Length"] == "1000"
    assert "body" not in event["request"]


@pytest.mark.parametrize("server", ["gunicorn-sync", "gunicorn-gthread"])
def test_client_with_expect_header_is_not_asked_to_send(serve: Serve, recorder: Recorder, server: str) -> None:
    running = serve("reading:app", server, to=recorder, READ_REQUEST_BODY_FIRST=True)
    with running.connect() as client:
        client.sendall(
            b"POST /unread HTTP/1.1\r\nHost: h\r\nConnection: close\r\n"
            b"Content-Length: 4\r\nExpect: 100-continue\r\n\r\n"
        )
        received = b"".join(iter(lambda: client.recv(65536), b""))
    assert b"401 Unauthorized" in received
    assert len(recorder.wait_for(1)) == 1


class Interrupted:
    """The body of a client that disconnects after some bytes."""

    def __init__(self, body: bytes, failure: Exception) -> None:
        self.rest, self.failure = io.BytesIO(body), failure
        self.reads = 0

    def read(self, size: int = -1) -> bytes:
        self.reads += 1
        data = self.rest.read(min(size, 1)) if size >= 0 else b""
        if not data:
            raise self.failure
        return data

    def readline(self, size: int = -1) -> bytes:
        line = self.rest.readline(size)
        if not line.endswith(b"\n"):
            raise self.failure
        return line

    def readlines(self, _hint: int = -1) -> list[bytes]:
        raise self.failure

    def __iter__(self) -> Iterator[bytes]:
        return iter(self.readline, b"")


def _reading(read: Callable[[Any], object], seen: list[object]) -> Any:
    def application(environ: Environ, start_response: Any) -> list[bytes]:
        seen.append(read(environ["wsgi.input"]))
        start_response("200 OK", [])
        return []

    return application


@pytest.mark.parametrize(
    "read",
    [
        lambda stream: stream.read(),
        lambda stream: stream.read(-1),
        lambda stream: stream.read(None),
        lambda stream: stream.read(size=5) if not isinstance(stream, io.BytesIO) else stream.read(5),
        lambda stream: [stream.read(0), stream.read(1), stream.read(10_000), stream.read(5)],
        lambda stream: [stream.readline(), stream.readline(3), stream.readline()],
        lambda stream: stream.readlines(),
        lambda stream: stream.readlines(20),
        list,
        lambda stream: [next(stream), stream.read()],
        lambda stream: [stream.seek(0, 2), stream.tell(), stream.seek(0), stream.read()],
        lambda stream: [stream.read(), stream.seek(0), stream.read()],
        lambda stream: [stream.read(5), stream.seek(2), stream.read()],
        lambda stream: [stream.read1(4), stream.read1(), stream.read()],
        lambda stream: io.BufferedReader(stream).read(),
        lambda stream: io.BufferedReader(stream, 16).readlines(),
        lambda stream: io.TextIOWrapper(stream, "latin-1", newline="").read(),
        lambda stream: [stream.readable(), stream.seekable(), stream.closed],
        lambda stream: _readinto(stream, bytearray(500)),
        lambda stream: _readinto(stream, memoryview(bytearray(16)).cast("H")),
    ],
)
def test_every_way_of_reading_returns_what_the_stream_returns(
    recorder: Recorder, wrap: Wrap, read: Callable[[Any], object]
) -> None:
    bare: list[object] = []
    captured: list[object] = []
    try:
        request(_reading(read, bare), make_environ("POST", "/", LINES, wsgi_input=_Seekable(LINES)))
        request(wrap(_reading(read, captured)), make_environ("POST", "/", LINES, wsgi_input=_Seekable(LINES)))
    except TypeError:
        pytest.fail(f"the stream takes {bare} but not {captured}")
    assert captured == bare
    [event] = recorder.wait_for(1)
    recorded = _recorded_body(event)
    assert LINES.startswith(recorded)
    assert event["request"]["content_length"] == len(LINES)


class _Seekable(io.BytesIO):
    def read(self, size: int | None = -1) -> bytes:
        return super().read(size)


def _readinto(stream: Any, buffer: Any) -> tuple[int, bytes]:
    return stream.readinto(buffer), bytes(buffer)


def test_seeking_back_records_the_body_once(recorder: Recorder, wrap: Wrap) -> None:
    def read(stream: Any) -> None:
        stream.read(20)
        stream.seek(10)
        stream.read()
        stream.seek(0)
        stream.readline()

    request(wrap(_reading(read, [])), make_environ("POST", "/", DOCUMENT))
    [event] = recorder.wait_for(1)
    assert event["request"]["body"] == json.loads(DOCUMENT)
    assert event["request"]["content_length"] == len(DOCUMENT)


def test_body_with_gap_is_recorded_as_prefix(recorder: Recorder, wrap: Wrap) -> None:
    def read(stream: Any) -> None:
        stream.read(20)
        stream.seek(30)
        stream.read()

    request(wrap(_reading(read, [])), make_environ("POST", "/", DOCUMENT))
    [event] = recorder.wait_for(1)
    assert base64.b64decode(event["request"]["body"]) == DOCUMENT[:20]
    assert event["request"]["headers"]["X-Moesif-Body-Truncated"] == "1"


def test_missing_methods_of_stream_stay_missing(recorder: Recorder, wrap: Wrap) -> None:
    class Minimal:
        """A stream with only the methods that PEP 3333 requires."""

        def __init__(self, body: bytes) -> None:
            self._body = io.BytesIO(body)
            self.read = self._body.read
            self.readline = self._body.readline
            self.readlines = self._body.readlines
            self.own = 5

        def __iter__(self) -> Iterator[bytes]:
            return iter(self._body)

    seen: list[object] = []

    def read(stream: Any) -> object:
        lacking = [name for name in ("seek", "tell", "read1", "readinto", "fileno") if not hasattr(stream, name)]
        return lacking, stream.own, stream.read()

    request(wrap(_reading(read, seen)), make_environ("POST", "/", b"body", wsgi_input=Minimal(b"body")))
    assert seen == [(["seek", "tell", "read1", "readinto", "fileno"], 5, b"body")]
    assert len(recorder.wait_for(1)) == 1


@pytest.mark.parametrize(
    "length", ["abc", "-1", "-5", "", " 4 ", "1e3", "99999999999999999999999", "4.0", "+4"], ids=repr
)
@pytest.mark.parametrize("first", [False, True], ids=["as-read", "read-first"])
def test_malformed_length_changes_nothing(recorder: Recorder, wrap: Wrap, length: str, *, first: bool) -> None:
    seen: list[object] = []
    application = wrap(_reading(lambda stream: stream.read(), seen), READ_REQUEST_BODY_FIRST=first)
    environ = make_environ("POST", "/", b"body", CONTENT_LENGTH=length)
    request(application, environ)
    assert seen == [b"body"]
    assert len(recorder.wait_for(1)) == 1


def test_empty_body_is_recorded_as_absent(recorder: Recorder, wrap: Wrap) -> None:
    request(wrap(_reading(lambda stream: stream.read(), [])), make_environ("POST", "/", b""))
    [event] = recorder.wait_for(1)
    assert event["request"].get("body") is None
    assert event["request"].get("transfer_encoding") is None


def test_body_shorter_than_announced_is_marked(recorder: Recorder, wrap: Wrap) -> None:
    environ = make_environ("POST", "/", b'{"a": 1}', CONTENT_LENGTH="100")
    request(wrap(_reading(lambda stream: stream.read(), [])), environ)
    [event] = recorder.wait_for(1)
    assert base64.b64decode(event["request"]["body"]) == b'{"a": 1}'
    assert event["request"]["headers"]["X-Moesif-Body-Truncated"] == "1"


def test_unread_body_is_not_read(recorder: Recorder, wrap: Wrap) -> None:
    stream = Interrupted(b"", AssertionError("the body was read"))
    answer = request(
        wrap(_reading(lambda _stream: None, []), IDENTIFY_USER=lambda _app, _environ, _headers: "u"),
        make_environ("POST", "/", b"body", wsgi_input=stream),
    )
    assert answer.status == "200 OK"
    assert stream.reads == 0
    [event] = recorder.wait_for(1)
    assert "body" not in event["request"]


def test_read_first_records_body_that_application_does_not_read(recorder: Recorder, wrap: Wrap) -> None:
    request(
        wrap(_reading(lambda _stream: None, []), READ_REQUEST_BODY_FIRST=True),
        make_environ("POST", "/", DOCUMENT),
    )
    [event] = recorder.wait_for(1)
    assert event["request"]["body"] == json.loads(DOCUMENT)


def test_read_first_does_not_read_body_above_limit(recorder: Recorder, wrap: Wrap) -> None:
    positions: list[object] = []
    stream = io.BytesIO(b"x" * 101)
    application = wrap(
        _reading(lambda _stream: positions.append(stream.tell()), []),
        READ_REQUEST_BODY_FIRST=True,
        REQUEST_MAX_BODY_SIZE=100,
    )
    request(application, make_environ("POST", "/", b"x" * 101, wsgi_input=stream))
    assert positions == [0]
    request(application, make_environ("POST", "/", b"x" * 100))
    assert len(recorder.wait_for(2)) == 2


@pytest.mark.parametrize(
    ("read", "complete"),
    [
        (lambda stream: stream.read(), None),
        (lambda stream: [stream.read(2), stream.read(1), stream.read(5)], None),
        (lambda stream: stream.readline(), b"ab\n"),
        (lambda stream: [stream.readline(), stream.readline()], None),
        (lambda stream: stream.read(3), b"ab\n"),
        (lambda stream: stream.readlines(), None),
        (list, None),
    ],
)
def test_error_while_reading_first_is_raised_when_application_reads(
    recorder: Recorder, wrap: Wrap, read: Callable[[Any], object], complete: bytes | None
) -> None:
    failure = ConnectionResetError("the client went away")
    steps: list[object] = []

    def application(environ: Environ, start_response: Any) -> list[bytes]:
        steps.append("application")
        try:
            steps.append(read(environ["wsgi.input"]))
        except ConnectionResetError as error:
            steps.append(error)
        start_response("200 OK", [])
        return []

    stream = Interrupted(b"ab\ncd", failure)
    environ = make_environ("POST", "/", b"ab\ncdefghij", wsgi_input=stream)
    request(wrap(application, READ_REQUEST_BODY_FIRST=True), environ)
    assert steps[0] == "application"
    assert steps[1] is failure if complete is None else steps[1] == complete
    [event] = recorder.wait_for(1)
    assert base64.b64decode(event["request"]["body"]) == b"ab\ncd"


def test_error_while_reading_reaches_application(recorder: Recorder, wrap: Wrap) -> None:
    failure = OSError("reset")
    application = wrap(_reading(lambda stream: stream.read(), []))
    with pytest.raises(OSError, match="reset") as raised:
        request(application, make_environ("POST", "/", b"body", wsgi_input=Interrupted(b"", failure)))
    assert raised.value is failure
    [event] = recorder.wait_for(1)
    assert event["response"]["status"] == 500


def test_get_without_body_keeps_stream_of_server(recorder: Recorder, wrap: Wrap) -> None:
    seen: list[object] = []
    environ = make_environ()
    stream = environ["wsgi.input"]
    request(wrap(_reading(seen.append, [])), environ)
    assert seen == [stream]
    assert len(recorder.wait_for(1)) == 1


def test_missing_input_is_served(recorder: Recorder, wrap: Wrap) -> None:
    def application(environ: Environ, start_response: Any) -> list[bytes]:
        assert "wsgi.input" not in environ
        start_response("200 OK", [])
        return []

    request(wrap(application), make_environ("POST", "/", b"body", wsgi_input=None))
    assert len(recorder.wait_for(1)) == 1


def test_prefix_of_large_body_is_recorded(recorder: Recorder, wrap: Wrap) -> None:
    body = b"x" * 50_000_000
    seen: list[object] = []
    application = wrap(_reading(lambda stream: len(stream.read()), seen))
    environ = make_environ("POST", "/", body)
    request(application, environ)
    assert seen == [len(body)]
    [event] = recorder.wait_for(1)
    assert event["request"]["content_length"] == len(body)
    assert len(event["request"]["body"]) <= 460_800


class _Fresh:
    """A stream that makes a new iterator for its lines, and is a context manager."""

    def __init__(self, body: bytes) -> None:
        self._body = io.BytesIO(body)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._body, name)

    def __iter__(self) -> Iterator[bytes]:
        yield from self._body

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc_info: object) -> None:
        pass


def test_stream_object_keeps_its_behaviour(recorder: Recorder, wrap: Wrap) -> None:
    seen: list[object] = []

    def application(environ: Environ, start_response: Any) -> list[bytes]:
        stream = environ["wsgi.input"]
        with stream:
            stream.note = "kept"
            seen.extend([list(stream), stream.note])
        start_response("200 OK", [])
        return []

    request(wrap(application), make_environ("POST", "/", b"a\nb\nc", wsgi_input=_Fresh(b"a\nb\nc")))
    assert seen == [[b"a\n", b"b\n", b"c"], "kept"]
    assert _recorded_body(recorder.wait_for(1)[0]) == b"a\nb\nc"


def test_reading_into_buffer_is_recorded_in_order(recorder: Recorder, wrap: Wrap) -> None:
    seen: list[bytes] = []

    def application(environ: Environ, start_response: Any) -> list[bytes]:
        stream, buffer = environ["wsgi.input"], bytearray(5)
        stream.readinto1(buffer)
        seen.extend([bytes(buffer), stream.read1(2), stream.read()])
        start_response("200 OK", [])
        return []

    request(wrap(application), make_environ("POST", "/", b"0123456789"))
    assert seen == [b"01234", b"56", b"789"]
    assert _recorded_body(recorder.wait_for(1)[0]) == b"0123456789"


def test_outer_code_reads_on_where_application_stopped(recorder: Recorder, wrap: Wrap) -> None:
    def application(environ: Environ, start_response: Any) -> list[bytes]:
        environ["wsgi.input"].read(4)
        start_response("200 OK", [])
        return []

    environ = make_environ("POST", "/", b"abcdefgh")
    request(wrap(application, GET_METADATA=lambda _app, environ: {"read": environ["wsgi.input"].read()}), environ)
    assert environ["wsgi.input"].read() == b"efgh"
    assert recorder.wait_for(1)[0]["metadata"] == {"read": "abcd"}


def test_system_exit_while_reading_first_propagates(recorder: Recorder, wrap: Wrap) -> None:
    class Exiting:
        def read(self, _size: int) -> bytes:
            raise SystemExit(3)

    application = wrap(_reading(lambda _stream: None, []), READ_REQUEST_BODY_FIRST=True)
    with pytest.raises(SystemExit):
        request(application, make_environ("POST", "/", b"abc", wsgi_input=Exiting()))
    assert recorder.wait_for(1)[0]["response"]["status"] == 500


def test_client_leaving_while_read_first_leaks_no_environ(wrap: Wrap) -> None:
    class Resetting:
        def read(self, _size: int) -> bytes:
            frame = sys._getframe(1)  # noqa: SLF001 - a traceback of a server's stream refers to frames like this
            assert frame is not None
            raise ConnectionResetError

    class Referable(dict[str, Any]):
        """A dictionary that a weak reference can refer to."""

    application = wrap(_reading(lambda _stream: None, []), READ_REQUEST_BODY_FIRST=True)

    def serve() -> weakref.ref[Referable]:
        environ = Referable(make_environ("POST", "/", b"abc", wsgi_input=Resetting()))
        request(application, environ)
        return weakref.ref(environ)

    left = [serve() for _ in range(20)]
    gc.collect()
    assert [reference() for reference in left] == [None] * 20


def test_reused_environ_has_no_data_of_previous_call(recorder: Recorder, wrap: Wrap) -> None:
    seen: list[object] = []

    def metadata(_app: object, environ: Environ) -> None:
        seen.append((environ.get("moesif.request_body"), environ["moesif.response_headers"]["X-Number"]))

    def application(environ: Environ, start_response: Any) -> list[bytes]:
        number = environ["wsgi.input"].read()
        start_response("200 OK", [("X-Number", str(len(number)))])
        return []

    wrapped, environ = wrap(application, GET_METADATA=metadata), make_environ("POST", "/", b"[1]")
    request(wrapped, environ)
    environ |= {"wsgi.input": io.BytesIO(b"[22]"), "CONTENT_LENGTH": "4"}
    request(wrapped, environ)
    assert seen == [([1], "3"), ([22], "4")]
    assert len(recorder.wait_for(2)) == 2
