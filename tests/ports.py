"""Ports of the loopback, each for one purpose.

What a test has wrapped in this process goes on asking for its collector when the test is over. Were the same port given
to the application of a later test, that application would be asked for `/v1/config`.
"""

from __future__ import annotations

import socket
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

_collectors: set[int] = set()


def collector_at(port: int) -> int:
    """Remember that clients may knock at this port as long as this process lives."""
    _collectors.add(port)
    return port


def bind_fresh() -> socket.socket:
    """Bind a free port that no collector has had."""
    with ExitStack() as refused:
        while True:
            bound = socket.socket()
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            bound.bind(("127.0.0.1", 0))
            if bound.getsockname()[1] not in _collectors:
                return bound
            refused.enter_context(bound)


class FreshServer(ThreadingHTTPServer):
    """A server on such a port, which it finds by itself."""

    def __init__(self, handler: type[BaseHTTPRequestHandler]) -> None:
        super().__init__(("127.0.0.1", 0), handler)

    def server_bind(self) -> None:
        self.socket.close()
        self.socket = bind_fresh()
        self.server_name, self.server_port = self.server_address = self.socket.getsockname()
