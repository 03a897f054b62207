"""Serve an application with waitress or wsgiref on an inherited socket: ``launch SERVER DESCRIPTOR MODULE:NAME``."""

from __future__ import annotations

import importlib
import signal
import socket
import sys
from typing import TYPE_CHECKING, Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

import waitress

if TYPE_CHECKING:
    from types import FrameType


class _QuietHandler(WSGIRequestHandler):
    def log_message(self, *_arguments: object) -> None:
        """Be quiet."""


def _end(_signal: int, _frame: FrameType | None) -> None:
    sys.exit(0)


def _serve_wsgiref(application: Any, listening: socket.socket) -> None:
    address = listening.getsockname()
    server = WSGIServer(address, _QuietHandler, bind_and_activate=False)
    server.socket.close()
    server.socket = listening
    server.server_address = address
    server.server_name, server.server_port = address
    server.setup_environ()
    server.set_app(application)
    server.serve_forever()


def main() -> None:
    """Serve until SIGTERM, then end as a program does."""
    signal.signal(signal.SIGTERM, _end)
    server, descriptor, target = sys.argv[1:4]
    module, _, name = target.partition(":")
    application = getattr(importlib.import_module(module), name)
    listening = socket.socket(fileno=int(descriptor))
    if server == "waitress":
        waitress.serve(application, sockets=[listening], threads=4)
    else:
        _serve_wsgiref(application, listening)


if __name__ == "__main__":
    main()
