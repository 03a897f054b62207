"""A gate between two processes: what stands in front of it goes on when the other side opens it."""

from __future__ import annotations

import os
import socket
from typing import TYPE_CHECKING

from tests.ports import bind_fresh

if TYPE_CHECKING:
    from http.client import HTTPConnection, HTTPResponse


class Gate:
    """The side that opens."""

    def __init__(self) -> None:
        self._listening = bind_fresh()
        self._listening.listen()
        self._listening.settimeout(10)
        host, port = self._listening.getsockname()
        self.environment = {"GATE": f"{host}:{port}"}

    def open(self) -> None:
        """Let one through; wait for it to arrive if it has not."""
        arrived, _ = self._listening.accept()
        with arrived:
            arrived.sendall(b".")

    def close(self) -> None:
        self._listening.close()


def read_through(connection: HTTPConnection, gate: Gate, path: str = "/") -> HTTPResponse:
    """Ask for two chunks between which the application stands at the gate; what comes early left before the second."""
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
    """Stand in front of the gate of this process's environment until it opens."""
    host, _, port = os.environ["GATE"].rpartition(":")
    with socket.create_connection((host, int(port)), timeout=30) as arrived:
        if not arrived.recv(1):
            message = "the gate is gone"
            raise EOFError(message)
