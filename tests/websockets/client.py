"""A websocket client that sees every byte after the end of the websocket."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wsproto import ConnectionType, WSConnection
from wsproto.events import AcceptConnection, CloseConnection, Event, Request, TextMessage

if TYPE_CHECKING:
    import socket

    from tests.server import Server


#: First byte of a close frame.
_CLOSE = b"\x88"


class Client:
    """A websocket to a server."""

    def __init__(self, server: Server, path: str) -> None:
        self._connection = WSConnection(ConnectionType.CLIENT)
        self._socket = server.connect()
        self._events: list[Event] = []
        host, port = server.address
        self._send(Request(host=f"{host}:{port}", target=path))
        assert isinstance(self._next(), AcceptConnection)

    def exchange(self, text: str) -> str:
        """Send a message and return the next one."""
        self._send(TextMessage(data=text))
        parts = []
        while True:
            event = self._next()
            assert isinstance(event, TextMessage), event
            parts.append(event.data)
            if event.message_finished:
                return "".join(parts)

    def close(self) -> bytes:
        """Close the websocket. Return what the server sends apart from its close frame.

        With simple-websocket, the connection may be closed before that frame is sent.
        """
        self._send(CloseConnection(code=1000))
        with self._socket:
            rest = rest_of(self._socket)
        if rest[:1] != _CLOSE:
            return rest
        length = rest[1]
        return rest[2 + length :]

    def _send(self, event: Event) -> None:
        self._socket.sendall(self._connection.send(event))

    def _next(self) -> Event:
        # One byte at a time, so that what follows an event stays in the socket.
        while not self._events:
            received = self._socket.recv(1)
            assert received, "the server has closed the connection"
            self._connection.receive_data(received)
            self._events.extend(self._connection.events())
        return self._events.pop(0)


def rest_of(connection: socket.socket) -> bytes:
    """Return everything that a server sends until it closes the connection."""
    return b"".join(iter(lambda: connection.recv(4096), b""))
