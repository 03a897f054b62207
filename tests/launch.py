"""Serves an application on an inherited socket: ``launch waitress|wsgiref DESCRIPTOR MODULE:NAME``.

Serves as a program of a user does. No signal is handled, so SIGTERM ends this process with its default action.
"""

from __future__ import annotations

import importlib
import os
import socket
import sys
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
    server.serve_forever()


def main() -> None:
    """Serve until a signal ends the process."""
    server, descriptor, target = sys.argv[1:4]
    module, _, name = target.partition(":")
    application = getattr(importlib.import_module(module), name)
    # Use the lowest free descriptor, because waitress uses select(), which accepts none above 1023.
    listening = socket.socket(fileno=os.dup(int(descriptor)))
    os.close(int(descriptor))
    if server == "waitress":
        waitress.serve(application, sockets=[listening], threads=4)
    else:
        _serve_wsgiref(application, listening)


if __name__ == "__main__":
    main()
