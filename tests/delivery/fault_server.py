"""A collector on plain sockets that fails in the ways a network peer can.

Each POST is handled by the next of the given behaviours, or by ``then`` if there are none left. GETs are
answered with empty documents. Events are stored once their whole request was read, even if the client gets no
answer.
"""

from __future__ import annotations

import gzip
import json
import socket
import ssl
import struct
import threading
import uuid
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, BinaryIO

from tests.ports import bind_fresh, collector_at

if TYPE_CHECKING:
    import trustme

Behaviour = Callable[["Request"], None]


@dataclass
class Request:
    """A request whose head has been read. Header names are in lower case."""

    server: FaultServer
    connection: socket.socket
    reader: BinaryIO
    target: str
    headers: dict[str, str]
    #: Whether the connection can be used for another request.
    keep_alive: bool = False

    @property
    def length(self) -> int:
        return int(self.headers.get("content-length", "0"))

    def body(self) -> bytes:
        """Read the whole body."""
        body = self.reader.read(self.length)
        if len(body) < self.length:
            message = "the client disconnected"
            raise ConnectionError(message)
        return body

    def answer(self, status: int, *headers: tuple[str, str], body: bytes = b"{}", length: int | None = None) -> None:
        head = [f"HTTP/1.1 {status} Because", f"Content-Length: {len(body) if length is None else length}"]
        head += [f"{name}: {value}" for name, value in headers]
        self.connection.sendall("\r\n".join([*head, "", ""]).encode() + body)


def accept(request: Request) -> None:
    """Store the events."""
    request.server.store(request.body())
    request.answer(201)
    request.keep_alive = True


def status(code: int, *headers: tuple[str, str]) -> Behaviour:
    """Read the request and answer with a status, without storing events."""

    def behaviour(request: Request) -> None:
        request.body()
        request.answer(code, *headers)
        request.keep_alive = True

    return behaviour


def hang(request: Request) -> None:
    """Read the request and never answer."""
    request.body()
    request.server.released.wait(100)


def hang_unread(request: Request) -> None:
    """Read only the head and never answer."""
    request.server.released.wait(100)


def reset(request: Request) -> None:
    """Reset the connection in the middle of the request."""
    request.reader.read(min(20, request.length))
    request.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def close_unanswered(request: Request) -> None:
    """Store the events, and close without an answer."""
    request.server.store(request.body())


def truncate(request: Request) -> None:
    """Store the events, and answer with a body that is shorter than its Content-Length."""
    request.server.store(request.body())
    request.answer(201, length=100)


def drip(request: Request) -> None:
    """Answer one byte at a time, without an end."""
    request.body()
    for byte in b"HTTP/1.1 201 Created\r\nX-Slow: " + b"y" * 100_000:
        request.connection.sendall(bytes([byte]))
        if request.server.released.wait(0.05):
            return


def garbage(request: Request) -> None:
    """Answer with bytes that are not HTTP."""
    request.body()
    request.connection.sendall(b"\x16\x03\x01\x00 this is no HTTP\r\n\r\n")


def endless_head(request: Request) -> None:
    """Answer with a very long header."""
    request.body()
    request.connection.sendall(b"HTTP/1.1 201 Created\r\n" + b"X-Filler: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n" * 20_000)


def limit_size(limit: int) -> Behaviour:
    """Answer 413 to requests with a body of more bytes."""

    def behaviour(request: Request) -> None:
        if request.length > limit:
            request.body()
            request.answer(413)
            request.keep_alive = True
        else:
            accept(request)

    return behaviour


@dataclass
class _Received:
    stored: list[dict[str, Any]] = field(default_factory=list)
    targets: list[str] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    clients: set[Any] = field(default_factory=set)


class FaultServer:
    """Listens on a port of the loopback until ``close``. ``refuse`` stops listening, ``listen`` starts again.

    With ``tls``, every connection begins with a handshake.
    """

    def __init__(self, *behaviours: Behaviour, then: Behaviour = accept, tls: ssl.SSLContext | None = None) -> None:
        self.application_id = f"test-{uuid.uuid4()}"
        self.released = threading.Event()
        self._behaviours = deque(behaviours)
        self._then = then
        self._tls = tls
        #: Number of TLS handshakes, failed ones included.
        self.handshakes = 0
        self._received = _Received()
        self._lock = threading.Lock()
        self._listening: socket.socket | None = None
        with bind_fresh() as free:
            self._port = collector_at(free.getsockname()[1])
        self.listen()
        self.uri = f"{'https' if tls else 'http'}://127.0.0.1:{self._port}"

    def listen(self) -> None:
        listening = socket.create_server(("127.0.0.1", self._port), backlog=128)
        self._listening = listening
        threading.Thread(target=self._accept, args=(listening,), daemon=True).start()

    def refuse(self) -> None:
        """Stop listening: connections are refused."""
        assert self._listening
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self._listening = None

    def close(self) -> None:
        self.released.set()
        if self._listening:
            self.refuse()

    @property
    def events(self) -> list[dict[str, Any]]:
        with self._lock:
            return list(self._received.stored)

    @property
    def targets(self) -> list[str]:
        """The request target of each POST."""
        with self._lock:
            return list(self._received.targets)

    @property
    def headers(self) -> list[dict[str, str]]:
        """The headers of each POST."""
        with self._lock:
            return list(self._received.headers)

    @property
    def connections(self) -> int:
        """Number of connections that carried a POST."""
        with self._lock:
            return len(self._received.clients)

    def store(self, body: bytes) -> None:
        events = json.loads(gzip.decompress(body))
        with self._lock:
            self._received.stored += events

    def forget_requests(self) -> None:
        """Forget all requests so far, so that memory does not grow."""
        with self._lock:
            self._received = _Received()

    def _accept(self, listening: socket.socket) -> None:
        while True:
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        try:
            if self._tls:
                with self._lock:
                    self.handshakes += 1
                connection = self._tls.wrap_socket(connection, server_side=True)
            with connection.makefile("rb") as reader:
                while self._answer(connection, reader):
                    pass
        except OSError:
            # Some tests let the client disconnect.
            pass
        finally:
            connection.close()

    def _answer(self, connection: socket.socket, reader: BinaryIO) -> bool:
        lines = []
        while line := reader.readline():
            if line == b"\r\n":
                break
            lines.append(line.decode("latin-1").rstrip("\r\n"))
        if not lines:
            return False
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines[1:])}
        verb, _, rest = lines[0].partition(" ")
        target, _, version = rest.partition(" ")
        if version != "HTTP/1.1":
            return False
        request = Request(self, connection, reader, target, headers)
        if verb == "GET":
            request.answer(200, body=b"[]" if target.endswith("/v1/rules") else b"{}")
            return True
        with self._lock:
            behaviour = self._behaviours.popleft() if self._behaviours else self._then
            self._received.targets.append(request.target)
            self._received.headers.append(headers)
            self._received.clients.add(connection.getpeername())
        behaviour(request)
        return request.keep_alive


class FaultServers:
    """Starts fault servers, and closes all of them at the end of a test."""

    def __init__(self) -> None:
        self._servers: list[FaultServer] = []

    def start(self, *behaviours: Behaviour, then: Behaviour = accept, tls: ssl.SSLContext | None = None) -> FaultServer:
        self._servers.append(FaultServer(*behaviours, then=then, tls=tls))
        return self._servers[-1]

    def close(self) -> None:
        for server in self._servers:
            server.close()


def tls_context(certificate: trustme.LeafCert) -> ssl.SSLContext:
    """Return the TLS context of a server with this certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    return context
