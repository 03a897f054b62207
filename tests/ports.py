"""Ports of the loopback that no collector has used.

A middleware of this process keeps fetching from its collector after its test has ended. If an application of
a later test got the same port, it would receive requests for `/v1/config`.
"""

from __future__ import annotations

import socket
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

_collectors: set[int] = set()


def collector_at(port: int) -> int:
    """Mark a port as that of a collector, so that no later server of this process gets it. Returns the port."""
    _collectors.add(port)
    return port


def collectors() -> list[int]:
    """Return the ports of all collectors of this process so far."""
    return sorted(_collectors)


def bind_fresh() -> socket.socket:
    """Bind a free port that no collector has used."""
    with ExitStack() as refused:
        while True:
            bound = socket.socket()
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            bound.bind(("127.0.0.1", 0))
            if bound.getsockname()[1] not in _collectors:
                return bound
            refused.enter_context(bound)


class FreshServer(ThreadingHTTPServer):
    """An HTTP server on a port that no collector has used."""

    def __init__(self, handler: type[BaseHTTPRequestHandler]) -> None:
        super().__init__(("127.0.0.1", 0), handler)

    def server_bind(self) -> None:
        self.socket.close()
        self.socket = bind_fresh()
        self.server_name, self.server_port = self.server_address = self.socket.getsockname()
