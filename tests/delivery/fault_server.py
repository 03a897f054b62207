"""A collector that fails in every way a peer on a network can, on plain sockets.

Each POST is met by the next of the behaviours it was given, and by the last one from then on; documents that are asked
for are empty. Events count as stored when the whole of their request was understood, whether or not the client hears of
it.
"""

from __future__ import annotations

import gzip
import json
import socket
import struct
import threading
import uuid
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, BinaryIO

from tests.ports import bind_fresh, collector_at

if TYPE_CHECKING:
    import ssl

Behaviour = Callable[["Call"], None]


@dataclass
class Call:
    """One request, of which the head has been read."""

    server: FaultServer
    connection: socket.socket
    reader: BinaryIO
    target: str
    fields: dict[str, str]
    #: Whether the connection can be used for another request.
    keep: bool = False

    @property
    def length(self) -> int:
        return int(self.fields.get("content-length", "0"))

    def body(self) -> bytes:
        """Read the whole body."""
        body = self.reader.read(self.length)
        if len(body) < self.length:
            message = "the client went away"
            raise ConnectionError(message)
        return body

    def answer(self, status: int, *fields: tuple[str, str], body: bytes = b"{}", length: int | None = None) -> None:
        head = [f"HTTP/1.1 {status} Because", f"Content-Length: {len(body) if length is None else length}"]
        head += [f"{name}: {value}" for name, value in fields]
        self.connection.sendall("\r\n".join([*head, "", ""]).encode() + body)


def accept(call: Call) -> None:
    """Keep the events."""
    call.server.store(call.body())
    call.answer(201)
    call.keep = True


def status(code: int, *fields: tuple[str, str]) -> Behaviour:
    """Read the request and answer with a status."""

    def behave(call: Call) -> None:
        call.body()
        call.answer(code, *fields)
        call.keep = True

    return behave


def hang(call: Call) -> None:
    """Read the request and say nothing."""
    call.body()
    call.server.released.wait(100)


def hang_unread(call: Call) -> None:
    """Read nothing beyond the head."""
    call.server.released.wait(100)


def reset(call: Call) -> None:
    """Break the connection in the middle of the request."""
    call.reader.read(min(20, call.length))
    call.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def vanish(call: Call) -> None:
    """Keep the events, and close without an answer."""
    call.server.store(call.body())


def truncate(call: Call) -> None:
    """Keep the events, and answer with less than was announced."""
    call.server.store(call.body())
    call.answer(201, length=100)


def drip(call: Call) -> None:
    """Answer with a byte now and then, for ever."""
    call.body()
    for byte in b"HTTP/1.1 201 Created\r\nX-Slow: " + b"y" * 100_000:
        call.connection.sendall(bytes([byte]))
        if call.server.released.wait(0.05):
            return


def garbage(call: Call) -> None:
    """Answer with what is no HTTP."""
    call.body()
    call.connection.sendall(b"\x16\x03\x01\x00 this is no HTTP\r\n\r\n")


def endless_head(call: Call) -> None:
    """Answer with more header than anybody wants."""
    call.body()
    call.connection.sendall(b"HTTP/1.1 201 Created\r\n" + b"X-Filler: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n" * 20_000)


def no_more_than(limit: int) -> Behaviour:
    """Answer 413 to requests of more bytes than this."""

    def behave(call: Call) -> None:
        if call.length > limit:
            call.body()
            call.answer(413)
            call.keep = True
        else:
            accept(call)

    return behave


@dataclass
class _State:
    stored: list[dict[str, Any]] = field(default_factory=list)
    targets: list[str] = field(default_factory=list)
    fields: list[dict[str, str]] = field(default_factory=list)
    clients: set[Any] = field(default_factory=set)


class FaultServer:
    """Listens on a port of the loopback until ``close``; ``refuse`` and ``listen`` go away and come back.

    With ``tls`` every connection begins with a handshake; a client that does not like it is gone.
    """

    def __init__(self, *behaviours: Behaviour, then: Behaviour = accept, tls: ssl.SSLContext | None = None) -> None:
        self.application_id = f"test-{uuid.uuid4()}"
        self.released = threading.Event()
        self._behaviours = deque(behaviours)
        self._then = then
        self._tls = tls
        #: How many handshakes have begun.
        self.handshakes = 0
        self._state = _State()
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
            return list(self._state.stored)

    @property
    def targets(self) -> list[str]:
        """What each request asked for, as it was written."""
        with self._lock:
            return list(self._state.targets)

    @property
    def fields(self) -> list[dict[str, str]]:
        """The header of each request, names in small letters."""
        with self._lock:
            return list(self._state.fields)

    @property
    def connections(self) -> int:
        """How many connections those requests came over."""
        with self._lock:
            return len(self._state.clients)

    def store(self, body: bytes) -> None:
        events = json.loads(gzip.decompress(body))
        with self._lock:
            self._state.stored += events

    def forget(self) -> None:
        """Forget every request so far."""
        with self._lock:
            self._state = _State()

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
            # Clients that go away are what some tests are about.
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
        fields = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines[1:])}
        verb, _, rest = lines[0].partition(" ")
        target, _, version = rest.partition(" ")
        if version != "HTTP/1.1":
            return False
        call = Call(self, connection, reader, target, fields)
        if verb == "GET":
            call.answer(200, body=b"[]" if target.endswith("/v1/rules") else b"{}")
            return True
        with self._lock:
            behave = self._behaviours.popleft() if self._behaviours else self._then
            self._state.targets.append(call.target)
            self._state.fields.append(fields)
            self._state.clients.add(connection.getpeername())
        behave(call)
        return call.keep
