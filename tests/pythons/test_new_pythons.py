"""The wheel for releases works on CPythons that are newer than those of this machine: `make test-pythons`."""

from __future__ import annotations

import json
import os
import subprocess
import textwrap
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from tests.pythons.debian import VERSIONS, Debian, unpack
from tests.pythons.requirements import missing
from tests.server import Server

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.recorder import Recorder

pytestmark = [
    pytest.mark.skipif(missing() is not None, reason=f"did NOT run: {missing()}"),
    pytest.mark.timeout(600),  # the first test downloads the Pythons
]


@pytest.fixture(scope="session")
def debian() -> Debian:
    return unpack()


@dataclass
class Python:
    """One version of CPython in the folder. Its programs deliver to the recorder."""

    debian: Debian
    version: str
    recorder: Recorder
    log: Path
    servers: list[Server] = field(default_factory=list)

    def environment(self) -> dict[str, str]:
        return {
            **os.environ,
            **self.debian.environment(self.version),
            "MOESIF_APPLICATION_ID": self.recorder.application_id,
            "MOESIF_BASE_URI": self.recorder.uri,
            "MOESIF_FLUSH_TIMEOUT": "30",
        }

    def run(self, *arguments: str) -> str:
        """Run a program to its end. Returns what it prints."""
        ended = subprocess.run(
            [*self.debian.python(self.version), *arguments],
            env=self.environment(),
            capture_output=True,
            text=True,
            timeout=90,
            check=False,
        )
        assert ended.returncode == 0, ended.stdout + ended.stderr
        return ended.stdout

    def serve(self, application: str, server: str, *arguments: str) -> Server:
        command = self.debian.python(self.version)
        started = Server(application, server, arguments, self.environment(), self.log, python=command)
        self.servers.append(started)
        return started

    def wait_for(self, count: int) -> None:
        """Wait until this many calls were recorded."""
        deadline = time.monotonic() + 60
        while self.paths().total() < count:
            assert time.monotonic() < deadline, self.paths()
            time.sleep(0.02)

    def paths(self) -> Counter[str]:
        """Return how often each path was recorded.

        Leaves out requests to a collector: another run of the tests on this machine may have had a collector at the
        port that this server has now.
        """
        uris = (event["request"]["uri"] for event in self.recorder.events)
        paths = ("/" + uri.partition("://")[2].partition("/")[2] for uri in uris)
        return Counter(path for path in paths if not path.startswith("/v1/"))


@pytest.fixture(params=VERSIONS)
def python(request: pytest.FixtureRequest, debian: Debian, recorder: Recorder, tmp_path: Path) -> Iterator[Python]:
    version = request.param
    if not debian.has(version):
        pytest.fail(
            f"Debian's unstable distribution has no package python{version}: "
            "write a version that it has into VERSIONS in tests/pythons/debian.py"
        )
    python = Python(debian, version, recorder, tmp_path / "server.log")
    yield python
    for server in python.servers:
        server.kill()


def test_import_causes_no_warning(python: Python) -> None:
    output = python.run(
        *("-W", "error", "-c"),
        "import sys, moesif, moesifwsgi, moesifdjango, moesifapi, moesifpythonrequest\n"
        "print(moesifwsgi.MoesifMiddleware.__module__, *sys.version_info[:2])",
    )
    assert output == f"moesif.wsgi {python.version.replace('.', ' ')}\n"


@pytest.mark.parametrize("kind", ["gunicorn-sync", "gunicorn-gthread"])
def test_preloaded_workers_of_gunicorn_deliver_every_call(python: Python, kind: str) -> None:
    server = python.serve("tests.applications.plain:pid", kind, "--preload", "--workers", "2")
    workers: set[bytes] = set()
    sent = 0
    # gunicorn does not end a worker that gets the signal while it starts, so wait until both have answered.
    deadline = time.monotonic() + 60
    while len(workers) < 2:
        assert time.monotonic() < deadline, server.output()
        with ThreadPoolExecutor(8) as clients:
            answers = list(clients.map(lambda number: server.get(f"/{number}"), range(sent, sent + 60)))
        assert [answer.status for answer in answers] == [200] * 60
        workers |= {answer.body for answer in answers}
        sent += 60
    assert server.stop() == 0, server.output()
    assert python.paths() == Counter(f"/{number}" for number in range(sent))


@pytest.mark.parametrize(
    ("application", "server"),
    [
        ("tests.django.project.wsgi:application", "gunicorn-gthread"),
        ("tests.django.project.asgi:application", "uvicorn"),
    ],
)
def test_django_is_recorded(python: Python, application: str, server: str) -> None:
    running = python.serve(application, server)
    for path in ("/plain", "/aplain", "/astreaming"):
        assert running.get(path).status == 200, running.output()
    posted = running.request("POST", "/echo", b'{"a": 1}', {"Content-Type": "application/json"})
    assert json.loads(posted.body) == {"a": 1}
    # uvicorn ends itself with a signal, without exit handlers.
    python.wait_for(4)
    running.stop()
    assert python.paths() == Counter(["/plain", "/aplain", "/astreaming", "/echo"])
    echo = next(event for event in python.recorder.events if event["request"]["uri"].endswith("/echo"))
    assert echo["request"]["body"] == echo["response"]["body"] == {"a": 1}


def test_calls_of_many_threads_are_delivered_at_exit(python: Python) -> None:
    program = """
    import threading
    from moesifwsgi import MoesifMiddleware
    from tests.gateway import hello, make_environ, request

    application = MoesifMiddleware(hello, {"EVENT_BATCH_TIMEOUT": 30})

    def serve(thread):
        for number in range(25):
            request(application, make_environ(path=f"/{thread}/{number}"))

    threads = [threading.Thread(target=serve, args=(number,)) for number in range(8)]
    for thread in threads: thread.start()
    for thread in threads: thread.join()
    """
    python.run("-c", textwrap.dedent(program))
    assert python.paths() == Counter(f"/{thread}/{number}" for thread in range(8) for number in range(25))


def test_threads_that_serve_at_exit_do_not_end_it_badly(python: Python) -> None:
    """Daemon threads are inside calls when the interpreter ends."""
    program = """
    import itertools, threading
    from moesifwsgi import MoesifMiddleware
    from tests.gateway import hello, make_environ, request

    application = MoesifMiddleware(hello, {})
    started = threading.Barrier(5)

    def serve():
        request(application, make_environ())
        started.wait()
        while True:
            request(application, make_environ())

    for _ in range(4):
        threading.Thread(target=serve, daemon=True).start()
    started.wait()
    """
    python.run("-c", textwrap.dedent(program))
    assert python.paths()["/"] >= 4


def test_parent_and_child_of_a_fork_deliver_their_own_calls(python: Python) -> None:
    program = """
    import os, sys
    from moesifwsgi import MoesifMiddleware
    from tests.gateway import hello, make_environ, request

    application = MoesifMiddleware(hello, {"EVENT_BATCH_TIMEOUT": 30})
    request(application, make_environ(path="/before"))
    child = os.fork()
    request(application, make_environ(path="/parent" if child else "/child"))
    if child:
        sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
    """
    python.run("-c", textwrap.dedent(program))
    assert python.paths() == Counter(["/before", "/parent", "/child"])


@pytest.mark.parametrize("method", ["fork", "forkserver", "spawn"])
def test_processes_of_multiprocessing_deliver_their_calls(python: Python, method: str) -> None:
    python.run("-m", "tests.pythons.processes", method)
    assert python.paths() == Counter([f"/{method}/parent", f"/{method}/child"])
