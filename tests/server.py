"""Real WSGI servers, and ASGI servers for Django, in processes of their own."""

from __future__ import annotations

import contextlib
import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests import apache
from tests.collector import ROOT
from tests.ports import bind_fresh

if TYPE_CHECKING:
    from collections.abc import Mapping

THIS_PYTHON = (sys.executable,)
SERVERS = ("gunicorn-sync", "gunicorn-gthread", "waitress", "wsgiref")
#: Servers that cannot inherit a socket.
OPENING_THEIR_PORT = ("mod_wsgi", "waitress-serve", "flask", "runserver")


@dataclass
class Response:
    """A response with its whole body."""

    status: int
    headers: http.client.HTTPMessage
    body: bytes


class Server:
    """A server process.

    Most inherit a listening socket, so early requests wait in the backlog. The others open the port themselves.
    """

    def __init__(  # noqa: PLR0913 - all of what a process is started with
        self,
        application: str,
        server: str,
        arguments: tuple[str, ...],
        environment: Mapping[str, str],
        log: Path,
        *,
        python: tuple[str, ...] = THIS_PYTHON,
    ) -> None:
        """``python`` is the command of the interpreter, for gunicorn and uvicorn."""
        self.log = log
        with bind_fresh() as listening:
            self.address: tuple[str, int] = listening.getsockname()
            opens_port = server in OPENING_THEIR_PORT
            if server == "mod_wsgi":
                command = apache.command(application, self.address, arguments, log.with_suffix(""))
            elif opens_port:
                command = _command_with_address(application, server, arguments, self.address)
            else:
                listening.listen(128)
                command = _command(application, server, arguments, listening.fileno(), python)
            with log.open("ab") as output:
                self.process = subprocess.Popen(
                    command,
                    cwd=ROOT,
                    env=environment,
                    pass_fds=[listening.fileno()],
                    start_new_session=True,
                    stdout=output,
                    stderr=output,
                )
            if opens_port:
                # Keep the port bound until the server listens on it.
                self._await_listening()

    def _await_listening(self) -> None:
        deadline = time.monotonic() + 30
        while self.process.poll() is None:
            with contextlib.suppress(ConnectionRefusedError):
                return self.connect().close()
            assert time.monotonic() < deadline, self.output()
            time.sleep(0.01)
        raise AssertionError(self.output())

    def connect(self, timeout: float = 30) -> socket.socket:
        return socket.create_connection(self.address, timeout)

    def connection(self, timeout: float = 30) -> http.client.HTTPConnection:
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
        """End the server with SIGTERM, and wait for it. Returns its exit code."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.kill()
            raise

    def kill(self) -> None:
        """Kill the server and its workers."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()

    def output(self) -> str:
        return self.log.read_text(errors="replace")


def _command(
    application: str, server: str, arguments: tuple[str, ...], descriptor: int, python: tuple[str, ...]
) -> list[str]:
    if server.startswith("gunicorn"):
        kind = server.partition("-")[2] or "sync"
        threads = ["--threads", "4"] if kind == "gthread" else []
        return [
            *(*python, "-m", "gunicorn", application, "--bind", f"fd://{descriptor}"),
            *("--worker-class", kind, "--no-control-socket", "--log-level", "warning"),
            *(*threads, *arguments),
        ]
    if server == "uwsgi":
        return [
            *(str(Path(sys.executable).with_name("uwsgi")), "--http-socket", f"fd://{descriptor}"),
            *("--home", sys.prefix, "--module", application, "--need-app", "--die-on-term", "--disable-logging"),
            *arguments,
        ]
    if server == "uvicorn":
        return [
            *(*python, "-m", "uvicorn", application, "--fd", str(descriptor)),
            *("--log-level", "warning", "--lifespan", "off", *arguments),
        ]
    if server == "hypercorn-asgi":
        return [
            *(sys.executable, "-m", "hypercorn", f"asgi:{application}", "--bind", f"fd://{descriptor}"),
            *("--log-level", "warning", *arguments),
        ]
    if server == "hypercorn":
        return [
            *(sys.executable, "-m", "hypercorn", f"wsgi:{application}", "--bind", f"fd://{descriptor}"),
            *("--log-level", "warning", *arguments),
        ]
    return [sys.executable, "-m", "tests.launch", server, str(descriptor), application, *arguments]


def _command_with_address(
    application: str, server: str, arguments: tuple[str, ...], address: tuple[str, int]
) -> list[str]:
    host, port = address
    if server == "waitress-serve":
        program = str(Path(sys.executable).with_name("waitress-serve"))
        return [program, f"--listen={host}:{port}", *arguments, application]
    if server == "flask":
        flask = (sys.executable, "-m", "flask", "--app", application)
        return [*flask, "run", "--host", host, "--port", str(port), *arguments]
    return [sys.executable, "-m", "django", "runserver", f"{host}:{port}", *arguments]


def environment(uri: str, application_id: str, options: Mapping[str, object]) -> dict[str, str]:
    """Return the environment of a process that delivers to ``uri``. Options become MOESIF_ variables."""
    network_variables = (
        "HTTP_PROXY",
        "HTTPS_PROXY",
        "ALL_PROXY",
        "NO_PROXY",
        "REQUESTS_CA_BUNDLE",
        "CURL_CA_BUNDLE",
        "SSL_CERT_FILE",
    )
    inherited = {
        name: text
        for name, text in os.environ.items()
        if not name.startswith("MOESIF_") and name.upper() not in network_variables
    }
    fast = {"EVENT_BATCH_TIMEOUT": 0.05}
    given = {"APPLICATION_ID": application_id, "BASE_URI": uri, **fast, **options}
    return {
        **inherited,
        "PYTHONPATH": str(ROOT),
        "PYTHONDONTWRITEBYTECODE": "1",
        **{f"MOESIF_{name}": str(value) for name, value in given.items()},
    }


def require(server: str) -> None:
    """Skip the test if a server is not installed. If the variable ``CI`` is set, fail instead."""
    if server == "mod_wsgi" and not apache.is_installed():
        message = "mod_wsgi did NOT run: Apache is not installed (Debian's package is libapache2-mod-wsgi-py3)"
        (pytest.fail if os.environ.get("CI") else pytest.skip)(message)
