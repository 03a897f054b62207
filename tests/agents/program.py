"""Runs a WSGI application and a Django project that an agent traces and we record.

The variable ``AGENT`` names the agent. The argument is ``agent-first`` or ``ours-first``. The Django project is made
last. So with ``ours-first`` the agent patches requests after our first middleware and before our second one.
"""

from __future__ import annotations

import os
import socket
import sys
import threading
from pathlib import Path
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, make_server

import moesif
import moesif.outgoing
from tests.agents.applications import REQUEST, RESPONSE, application, call_api
from tests.agents.tracing import AGENTS

OPTIONS = {"CAPTURE_OUTGOING_REQUESTS": True}


def make_project() -> Any:
    from django.core.wsgi import get_wsgi_application

    return get_wsgi_application()


class Handler(WSGIRequestHandler):
    def log_message(self, *_arguments: Any) -> None:
        """Log nothing."""


def ask(served: Any, path: str) -> None:
    """Call an application through a server, over a socket, as no agent traces sockets. The call is part of a trace."""
    trace = f"{os.environ['TRACE']}-00f067aa0ba902b7"
    head = (
        f"POST {path} HTTP/1.0",
        "Content-Type: application/json",
        f"Content-Length: {len(REQUEST)}",
        f"traceparent: 00-{trace}-01",
        f"sentry-trace: {trace}-1",
    )
    with make_server("127.0.0.1", 0, served, handler_class=Handler) as server:
        answering = threading.Thread(target=server.handle_request)
        answering.start()
        with socket.create_connection(("127.0.0.1", server.server_port), 60) as connection:
            connection.sendall("\r\n".join(head).encode() + b"\r\n\r\n" + REQUEST)
            answer = b"".join(iter(lambda: connection.recv(65536), b""))
        answering.join(60)
    assert answer.startswith(b"HTTP/1.0 200 "), answer
    assert answer.endswith(b"\r\n\r\n" + RESPONSE), answer


def main() -> None:
    agent = AGENTS[os.environ["AGENT"]]()
    if sys.argv[1] == "agent-first":
        agent.start()
        ask(moesif.MoesifMiddleware(agent.trace(application), OPTIONS), "/outside")
        traced = agent.trace(moesif.MoesifMiddleware(application, OPTIONS))
    else:
        ours = moesif.MoesifMiddleware(application, OPTIONS)
        agent.start()
        traced = agent.trace(ours)
    ask(traced, "/inside")
    ask(make_project(), "/django")
    ask(traced, "/again")

    agent.stop()
    call_api()
    moesif.outgoing.stop()
    call_api()
    assert moesif.flush(60)

    import requests

    left = vars(requests.Session)["send"]
    print(type(left).__name__, Path(left.__code__.co_filename).name)


if __name__ == "__main__":
    main()
