"""Serves an application on an inherited socket: ``launch waitress|wsgiref DESCRIPTOR MODULE:NAME``."""

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
        """Log nothing."""


def _serve_wsgiref(application: Any, listening: socket.socket) -> None:
    address = listening.getsockname()
    server = WSGIServer(address, _QuietHandler, bind_and_activate=False)
    server.socket.close()
    server.socket = listening
    server.server_address = address
    server.server_name, server.server_port = address
    server.setup_environ()
    server.set_app(application)
    # wsgiref would catch an exception that is raised during a request, so end the loop instead.
    signal.signal(signal.SIGTERM, lambda *_arguments: threading.Thread(target=server.shutdown).start())
    server.serve_forever(poll_interval=0.02)


def main() -> None:
    """Serve until SIGTERM, then end normally, with exit handlers."""
    server, descriptor, target = sys.argv[1:4]
    module, _, name = target.partition(":")
    application = getattr(importlib.import_module(module), name)
    # Use the lowest free descriptor, because waitress uses select(), which accepts none above 1023.
    listening = socket.socket(fileno=os.dup(int(descriptor)))
    os.close(int(descriptor))
    if server == "waitress":
        signal.signal(signal.SIGTERM, lambda *_arguments: sys.exit())
        waitress.serve(application, sockets=[listening], threads=4)
    else:
        _serve_wsgiref(application, listening)


if __name__ == "__main__":
    main()
