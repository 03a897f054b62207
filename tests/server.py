"""Real WSGI servers in processes of their own."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.collector import ROOT

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

SERVERS = ("gunicorn-sync", "gunicorn-gthread", "waitress", "wsgiref")


@dataclass
class Response:
    """A whole response."""

    status: int
    headers: http.client.HTTPMessage
    body: bytes


class Server:
    """A server that inherits a listening socket: early requests wait in its backlog."""

    def __init__(
        self,
        application: str,
        server: str,
        arguments: tuple[str, ...],
        environment: Mapping[str, str],
        log: Path,
    ) -> None:
        with socket.create_server(("127.0.0.1", 0), backlog=128) as listening:
            self.address: tuple[str, int] = listening.getsockname()
            self.log = log
            with log.open("ab") as output:
                self.process = subprocess.Popen(
                    _command(application, server, arguments, listening.fileno()),
                    cwd=ROOT,
                    env=environment,
                    pass_fds=[listening.fileno()],
                    start_new_session=True,
                    stdout=output,
                    stderr=output,
                )

    def connect(self, timeout: float = 10) -> socket.socket:
        return socket.create_connection(self.address, timeout)

    def connection(self, timeout: float = 20) -> http.client.HTTPConnection:
        return http.client.HTTPConnection(*self.address, timeout=timeout)

    def request(
        self, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> Response:
        connection = self.connection()
        try:
            connection.request(method, path, body, dict(headers or {}))
            answer = connection.getresponse()
            return Response(answer.status, answer.msg, answer.read())
        finally:
            connection.close()

    def get(self, path: str = "/", headers: Mapping[str, str] | None = None) -> Response:
        return self.request("GET", path, None, headers)

    def stop(self, timeout: float = 30) -> int:
        """End the server as a service manager does, and wait for it."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.kill()
            raise

    def kill(self) -> None:
        """End the server and its workers at once."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()

    def output(self) -> str:
        return self.log.read_text(errors="replace")


def _command(application: str, server: str, arguments: tuple[str, ...], descriptor: int) -> list[str]:
    if server.startswith("gunicorn"):
        kind = server.partition("-")[2] or "sync"
        threads = ["--threads", "4"] if kind == "gthread" else []
        return [
            *(sys.executable, "-m", "gunicorn", application, "--bind", f"fd://{descriptor}"),
            *("--worker-class", kind, "--no-control-socket", "--log-level", "warning"),
            *(*threads, *arguments),
        ]
    return [sys.executable, "-m", "tests.launch", server, str(descriptor), application, *arguments]


def environment(uri: str, application_id: str, options: Mapping[str, object]) -> dict[str, str]:
    """The environment of a process that delivers to ``uri``, every option as a variable."""
    inherited = {name: text for name, text in os.environ.items() if not name.startswith("MOESIF_")}
    fast = {"EVENT_BATCH_TIMEOUT": 0.05}
    given = {"APPLICATION_ID": application_id, "BASE_URI": uri, **fast, **options}
    return {
        **inherited,
        "PYTHONPATH": str(ROOT),
        "PYTHONDONTWRITEBYTECODE": "1",
        **{f"MOESIF_{name}": str(value) for name, value in given.items()},
    }
