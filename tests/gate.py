"""A gate between two processes. One process waits at the gate until the other opens it."""

from __future__ import annotations

import os
import socket
from typing import TYPE_CHECKING

from tests.ports import bind_fresh

if TYPE_CHECKING:
    from http.client import HTTPConnection, HTTPResponse


class Gate:
    """The side that opens the gate. Processes with ``environment`` can wait at it."""

    def __init__(self) -> None:
        self._listening = bind_fresh()
        self._listening.listen()
        self._listening.settimeout(30)
        host, port = self._listening.getsockname()
        self.environment = {"GATE": f"{host}:{port}"}

    def open(self) -> None:
        """Wait until a process waits at the gate, and let it continue."""
        arrived, _ = self._listening.accept()
        with arrived:
            arrived.sendall(b".")

    def close(self) -> None:
        self._listening.close()


def read_through(connection: HTTPConnection, gate: Gate, path: str = "/") -> HTTPResponse:
    """Read a response of two chunks. The application waits at the gate before the second.

    So the first chunk has arrived before the second was made.
    """
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        assert response.read(5) == b"first"
        gate.open()
        assert response.read() == b"second"
        return response
    finally:
        connection.close()


def pass_gate() -> None:
    """Wait at the gate in this process's environment until it is opened."""
    host, _, port = os.environ["GATE"].rpartition(":")
    with socket.create_connection((host, int(port)), timeout=30) as arrived:
        if not arrived.recv(1):
            message = "the gate was closed"
            raise EOFError(message)
