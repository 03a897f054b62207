"""Processes of Celery's prefork pool deliver before they end, although they end with ``os._exit``."""

from __future__ import annotations

import signal
import subprocess
import time
from typing import TYPE_CHECKING

import pytest

from tests.collector import ROOT

if TYPE_CHECKING:
    from pathlib import Path

    from tests.workers.conftest import Workers

CALLS = 10
ITEMS = [f"/items/{number}" for number in range(CALLS)]


def _work(workers: Workers, log: Path, *arguments: str, capture_in: str, calls: int = CALLS, **more: str) -> None:
    """Run a worker until its tasks have made this many calls, and end it with SIGTERM."""
    variables = {"CALLS": str(CALLS), "CAPTURE_IN": capture_in, "C_FORCE_ROOT": "1", **more}
    with log.open("wb") as output:
        worker = subprocess.Popen(
            [workers.programs / "celery", "-A", "tests.workers.celery_app", "worker", *arguments],
            cwd=ROOT,
            env=workers.environment({}, variables),
            stdout=output,
            stderr=output,
        )
    try:
        deadline = time.monotonic() + 60
        while len(workers.api.seen) < calls:
            assert worker.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.05)
        worker.send_signal(signal.SIGTERM)
        assert worker.wait(60) == 0, log.read_text()
    finally:
        worker.kill()
        worker.wait()


@pytest.mark.parametrize(
    ("capture_in", "arguments"),
    [
        ("child", ("--concurrency", "5", "--max-tasks-per-child", "1")),
        ("parent", ("--concurrency", "2", "--max-tasks-per-child", "5")),
        ("child", ("--concurrency", "2")),
    ],
    ids=["1 task per child", "5 tasks per child", "until SIGTERM"],
)
def test_pool_processes_deliver_every_call(
    workers: Workers, tmp_path: Path, capture_in: str, arguments: tuple[str, ...]
) -> None:
    _work(workers, tmp_path / "log", *arguments, capture_in=capture_in)
    assert workers.recorded() == ITEMS


def test_calls_of_the_applications_own_shutdown_receiver_are_delivered(workers: Workers, tmp_path: Path) -> None:
    _work(workers, tmp_path / "log", "--concurrency", "1", capture_in="parent", GOODBYE="yes")
    assert workers.recorded() == ["/goodbye", *ITEMS]


def test_soft_time_limit_of_a_task_ends_a_function_of_the_settings(workers: Workers, tmp_path: Path) -> None:
    more = {"LIMITED": "yes", "CALLS": "0"}
    _work(workers, tmp_path / "log", "--concurrency", "1", capture_in="parent", calls=2, **more)
    assert workers.recorded() == ["/cleaned-up", "/limited"]
