"""Serve an application on an inherited socket: ``launch waitress|wsgiref DESCRIPTOR MODULE:NAME``."""

from __future__ import annotations

import importlib
import os
import signal
import socket
import sys
import threading
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

import waitress  # type: ignore[import-untyped]


class _QuietHandler(WSGIRequestHandler):
    def log_message(self, *_arguments: object) -> None:
        """Be quiet."""


def _serve_wsgiref(application: Any, listening: socket.socket) -> None:
    address = listening.getsockname()
    server = WSGIServer(address, _QuietHandler, bind_and_activate=False)
    server.socket.close()
    server.socket = listening
    server.server_address = address
    server.server_name, server.server_port = address
    server.setup_environ()
    server.set_app(application)
    # An exit raised in the middle of a request would be caught there: the loop is asked to end instead.
    signal.signal(signal.SIGTERM, lambda *_arguments: threading.Thread(target=server.shutdown).start())
    server.serve_forever(poll_interval=0.02)


def main() -> None:
    """Serve until SIGTERM, then end as a program does."""
    server, descriptor, target = sys.argv[1:4]
    module, _, name = target.partition(":")
    application = getattr(importlib.import_module(module), name)
    # The lowest number that is free: waitress waits with select(), which knows none beyond 1023.
    listening = socket.socket(fileno=os.dup(int(descriptor)))
    os.close(int(descriptor))
    if server == "waitress":
        signal.signal(signal.SIGTERM, lambda *_arguments: sys.exit())
        waitress.serve(application, sockets=[listening], threads=4)
    else:
        _serve_wsgiref(application, listening)


if __name__ == "__main__":
    main()
