"""A collector inside the test process. It keeps all requests and answers as the test says."""

from __future__ import annotations

import contextlib
import enum
import gzip
import json
import socket
import struct
import threading
import time
import uuid
from collections import deque
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import TYPE_CHECKING, Any, NoReturn
from urllib.parse import urlsplit

from tests.ports import FreshServer, collector_at

if TYPE_CHECKING:
    from collections.abc import Callable
    from email.message import Message

Event = dict[str, Any]
#: Options of a middleware in this process, so that its events arrive soon and in order.
FAST = {"EVENT_BATCH_TIMEOUT": 0.02, "EVENT_WORKER_COUNT": 1, "FLUSH_TIMEOUT": 0.5}


class Fault(enum.Enum):
    """Ways to fail instead of answering."""

    HANG = enum.auto()
    RESET = enum.auto()
    GARBAGE = enum.auto()


@dataclass(frozen=True)
class Answer:
    """An answer with headers, a body or a delay."""

    status: int = 201
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b"{}"
    #: Seconds until the answer is sent.
    delay: float = 0


Reply = int | Answer | Fault


@dataclass
class Delivery:
    """A POST request that the recorder received."""

    path: str
    headers: Message
    body: bytes
    connection: tuple[str, int]
    at: float = field(default_factory=time.monotonic)
    status: int = 0

    @property
    def json(self) -> bytes:
        return gzip.decompress(self.body) if self.headers["Content-Encoding"] == "gzip" else self.body

    @property
    def events(self) -> list[Event]:
        events: list[Event] = json.loads(self.json, parse_constant=_refuse_constant)
        return events


def _refuse_constant(constant: str) -> NoReturn:
    message = f"{constant} is not JSON"
    raise ValueError(message)


class Recorder:
    """Listens on a free port of the loopback until ``close``.

    ``reply`` returns the answer to each POST; by default 201. ``config`` and ``rules`` are the answers to
    GETs. Requests with an application id that is not in ``ids`` come from earlier tests: they are answered,
    but not kept.
    """

    def __init__(self) -> None:
        self.application_id = f"test-{uuid.uuid4()}"
        self.ids = [self.application_id]
        self.reply: Callable[[Delivery], Reply] = lambda _delivery: 201
        self.tunnels: list[str] = []
        self.config: Reply = Answer(200, body=b"{}")
        self.rules: Reply = Answer(200, body=b"[]")
        self._fetches: list[str] = []
        self._deliveries: list[Delivery] = []
        self._changed = threading.Condition()
        self._released = threading.Event()
        self._server = _Server(_Handler)
        self._server.recorder = self
        self.uri = f"http://127.0.0.1:{collector_at(self._server.server_port)}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()

    def answer_with(self, *replies: Reply, then: Reply = 201) -> None:
        """Answer with each of the replies in turn, and with ``then`` after that."""
        remaining = deque(replies)
        lock = threading.Lock()

        def reply(_delivery: Delivery) -> Reply:
            with lock:
                return remaining.popleft() if remaining else then

        self.reply = reply

    @property
    def deliveries(self) -> list[Delivery]:
        """Every POST, in the order of arrival, whether it has been answered or not."""
        with self._changed:
            return list(self._deliveries)

    @property
    def fetches(self) -> list[str]:
        """The paths of all GETs, in the order of arrival."""
        with self._changed:
            return list(self._fetches)

    def wait_for_fetches(self, count: int, path: str = "/v1/rules", timeout: float = 30) -> None:
        """Wait until there were at least ``count`` GETs of this path."""
        self._wait(lambda: self.fetches.count(path) >= count, f"{count} GETs of {path}", timeout)

    @property
    def accepted(self) -> list[Delivery]:
        return [delivery for delivery in self.deliveries if 200 <= delivery.status < 300]

    @property
    def events(self) -> list[Event]:
        """The events of all requests that were answered 2xx."""
        return [event for delivery in self.accepted for event in delivery.events]

    def wait_for(self, count: int, timeout: float = 30) -> list[Event]:
        """Wait until at least ``count`` events have been accepted, and return all accepted events."""
        self._wait(lambda: len(self.events) >= count, f"{count} events", timeout)
        return self.events

    def wait_for_deliveries(self, count: int, timeout: float = 30) -> list[Delivery]:
        """Wait until at least ``count`` POSTs have arrived, answered or not."""
        self._wait(lambda: len(self.deliveries) >= count, f"{count} requests", timeout)
        return self.deliveries

    def release(self) -> None:
        """End all requests that hang, by closing their connections without an answer."""
        self._released.set()

    def close(self) -> None:
        self.release()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(10)
        self._server.close_connections()

    def _wait(self, condition: Callable[[], bool], wanted: str, timeout: float) -> None:
        deadline = time.monotonic() + timeout
        while not condition():
            with self._changed:
                self._changed.wait(0.05)
            if time.monotonic() > deadline:
                found = [(delivery.status, len(delivery.body)) for delivery in self.deliveries]
                message = f"no {wanted} within {timeout} s; (status, bytes) of each POST: {found}"
                raise AssertionError(message)

    def receive(self, delivery: Delivery) -> Reply:
        if delivery.headers["X-Moesif-Application-Id"] not in self.ids:
            return 201
        with self._changed:
            self._deliveries.append(delivery)
            self._changed.notify_all()
        reply = self.reply(delivery)
        if reply is Fault.HANG:
            self._released.wait(100)
        return reply

    def fetch(self, path: str, application_id: str | None) -> Reply:
        if application_id not in self.ids:
            return Answer(200, body=b"{}")
        with self._changed:
            self._fetches.append(path)
            self._changed.notify_all()
        reply = {"/v1/config": self.config, "/v1/rules": self.rules}.get(urlsplit(path).path, 404)
        if reply is Fault.HANG:
            self._released.wait(100)
        return reply

    def set_status(self, delivery: Delivery, status: int) -> None:
        with self._changed:
            delivery.status = status
            self._changed.notify_all()


class _Server(FreshServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128
    recorder: Recorder

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._connections: set[socket.socket] = set()

    def get_request(self) -> tuple[socket.socket, Any]:
        connection, address = super().get_request()
        self._connections.add(connection)
        return connection, address

    def close_request(self, request: Any) -> None:
        self._connections.discard(request)
        super().close_request(request)

    def close_connections(self) -> None:
        """Close the connections that clients keep open, which ends their threads."""
        for connection in list(self._connections):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, _request: object, _client_address: object) -> None:
        """Ignore errors: some tests let the client disconnect."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    server: _Server

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"] or 0))
        delivery = Delivery(self.path, self.headers, body, self.client_address)
        reply = self.server.recorder.receive(delivery)
        if isinstance(reply, Fault):
            self._answer_with_fault(reply)
            return
        answer = Answer(reply) if isinstance(reply, int) else reply
        time.sleep(answer.delay)
        # Update before answering: the client may end right after the answer, and the test then reads the
        # status.
        self.server.recorder.set_status(delivery, answer.status)
        self._send(answer)

    def do_GET(self) -> None:
        reply = self.server.recorder.fetch(self.path, self.headers["X-Moesif-Application-Id"])
        if isinstance(reply, Fault):
            self._answer_with_fault(reply)
        else:
            self._send(Answer(reply) if isinstance(reply, int) else reply)

    def _send(self, answer: Answer) -> None:
        self.send_response(answer.status)
        for name, value in answer.headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        self.wfile.write(answer.body)

    def do_CONNECT(self) -> None:
        """Act as a proxy. Its tunnels lead to this server itself."""
        self.server.recorder.tunnels.append(self.path)
        self.send_response(200)
        self.end_headers()

    def _answer_with_fault(self, fault: Fault) -> None:
        self.close_connection = True
        if fault is Fault.RESET:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()
        elif fault is Fault.GARBAGE:
            self.wfile.write(b"\x16\x03\x01\x00 this is no HTTP\r\n\r\n")

    def log_message(self, *_arguments: object) -> None:
        """Log nothing."""
