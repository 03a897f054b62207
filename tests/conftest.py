"""Fixtures: collectors to deliver to, servers and programs to run, middlewares to call."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import textwrap
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import pytest

from moesifwsgi import MoesifMiddleware
from tests.collector import ROOT, Collector, Nowhere
from tests.delivery.fault_server import FaultServers
from tests.gate import Gate
from tests.late_collector import deliver_the_rest
from tests.outgoing.api import Api
from tests.ports import collector_at
from tests.recorder import FAST, Recorder
from tests.server import THIS_PYTHON, Server, environment

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def pytest_configure() -> None:
    """Handle SIGINT again if the shell ignores it, as it does for background jobs. Programs of tests inherit this."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session", autouse=True)
def _nothing_is_left_undelivered() -> Iterator[None]:
    """Deliver what tests have left, so that this process does not end with lost events."""
    yield
    deliver_the_rest()


class Destination(Protocol):
    """Where events go: a recorder, a collector, a fault server, or an address where nothing listens."""

    @property
    def uri(self) -> str: ...
    @property
    def application_id(self) -> str: ...


@pytest.fixture
def recorder() -> Iterator[Recorder]:
    recorder = Recorder()
    yield recorder
    recorder.close()


@pytest.fixture
def another_recorder() -> Iterator[Recorder]:
    recorder = Recorder()
    yield recorder
    recorder.close()


@pytest.fixture
def collector(tmp_path: Path) -> Iterator[Collector]:
    collector = Collector(tmp_path)
    yield collector
    collector.close()


@pytest.fixture
def nowhere() -> Iterator[Nowhere]:
    """An address that refuses connections. Its port is bound, but nothing listens on it."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield Nowhere(f"http://127.0.0.1:{collector_at(taken.getsockname()[1])}")


@pytest.fixture
def api() -> Iterator[Api]:
    """An API for applications to call."""
    api = Api()
    yield api
    api.close()


@pytest.fixture
def fault_servers() -> Iterator[FaultServers]:
    servers = FaultServers()
    yield servers
    servers.close()


@pytest.fixture
def gate() -> Iterator[Gate]:
    gate = Gate()
    yield gate
    gate.close()


class Serve(Protocol):
    def __call__(  # noqa: PLR0913 - what a process needs
        self,
        application: str,
        server: str = "gunicorn-sync",
        *,
        to: Destination,
        arguments: tuple[str, ...] = (),
        variables: dict[str, str] | None = None,
        python: tuple[str, ...] = THIS_PYTHON,
        **options: object,
    ) -> Server: ...


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    """Start ``module:name`` of tests/applications with a real server. Options become MOESIF_ variables.

    ``python`` is the command of the interpreter, for gunicorn and uvicorn.
    """
    servers: list[Server] = []

    def start(  # noqa: PLR0913 - what a process needs
        application: str,
        server: str = "gunicorn-sync",
        *,
        to: Destination,
        arguments: tuple[str, ...] = (),
        variables: dict[str, str] | None = None,
        python: tuple[str, ...] = THIS_PYTHON,
        **options: object,
    ) -> Server:
        variables = environment(to.uri, to.application_id, options) | (variables or {})
        log = tmp_path / f"server-{len(servers)}.log"
        started = Server(f"tests.applications.{application}", server, arguments, variables, log, python=python)
        servers.append(started)
        return started

    yield start
    for server in servers:
        server.kill()


@dataclass(frozen=True)
class Ended:
    """A program that has ended."""

    code: int
    output: str
    errors: str
    at: float

    def seconds_after(self, moment: str) -> float:
        """Seconds from the moment that the program printed to its end.

        The program prints a line with the name of the moment and ``time.monotonic()``.
        """
        lines = [line.split() for line in self.output.splitlines()]
        return self.at - next(float(line[1]) for line in lines if line[:1] == [moment])


class RunProgram(Protocol):
    def __call__(
        self, source: str, *, to: Destination, variables: dict[str, str] | None = None, **options: object
    ) -> Ended: ...


@pytest.fixture
def run_program() -> RunProgram:
    """Run a Python program to its end. Options become MOESIF_ variables."""

    def run(source: str, *, to: Destination, variables: dict[str, str] | None = None, **options: object) -> Ended:
        ended = subprocess.run(
            [sys.executable, "-c", textwrap.dedent(source)],
            cwd=ROOT,
            env=environment(to.uri, to.application_id, options) | (variables or {}),
            capture_output=True,
            text=True,
            timeout=90,
            check=False,
        )
        return Ended(ended.returncode, ended.stdout, ended.stderr, time.monotonic())

    return run


class Wrap(Protocol):
    def __call__(self, application: Any, to: Destination | None = None, /, **options: object) -> MoesifMiddleware: ...


@pytest.fixture
def wrap(recorder: Recorder) -> Wrap:
    """Wrap an application of this process with the middleware. By default its events go to ``recorder``."""

    def make(application: Any, to: Destination | None = None, /, **options: object) -> MoesifMiddleware:
        to = to or recorder
        return MoesifMiddleware(
            application, {"APPLICATION_ID": to.application_id, "BASE_URI": to.uri, **FAST, **options}
        )

    return make
