"""Work horses of RQ deliver before they end, although they end with ``os._exit``."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from tests.recorder import Fault

if TYPE_CHECKING:
    from pathlib import Path

    from tests.workers.conftest import Workers


#: Seconds. More than the default, so that a test fails if the option has no effect.
FLUSH_TIMEOUT = 8


def _work(workers: Workers, *arguments: str, calls: int, more_calls: int = 0, **options: object) -> str:
    """Run a worker until its queue is empty. Returns what it logs. ``more_calls`` are those without a job."""
    variables = {"CALLS": str(calls)}
    errors = workers.run("-m", "tests.workers.rq_worker", *arguments, variables=variables, **options)
    assert len(workers.api.seen) == calls + more_calls, errors
    return errors


@pytest.mark.parametrize(
    ("kind", "capture_in"),
    [
        ("Worker", "parent"),
        ("Worker", "horse"),
        ("SpawnWorker", "horse"),
        ("TracedWorker", "parent"),
        ("TracedWorker", "horse"),
    ],
)
def test_work_horses_deliver_every_call(workers: Workers, kind: str, capture_in: str) -> None:
    # The last job raises.
    _work(workers, kind, capture_in, calls=5)
    assert workers.recorded() == [f"/items/{number}" for number in range(5)]


@pytest.mark.parametrize("capture_in", ["parent", "horse"])
def test_work_horses_of_the_oldest_supported_version_deliver_every_call(
    workers: Workers, oldest_programs: Path, capture_in: str
) -> None:
    _work(replace(workers, programs=oldest_programs), "Worker", capture_in, calls=5)
    assert workers.recorded() == [f"/items/{number}" for number in range(5)]


def test_work_horses_deliver_calls_that_a_subclass_makes_after_the_job(workers: Workers) -> None:
    # The second job fails.
    _work(workers, "CallingWorker", "parent", calls=2, more_calls=3)
    assert workers.recorded() == ["/after-job", "/after-job", "/after-success", "/items/0", "/items/1"]


@pytest.mark.parametrize("limit", ["UnixSignalDeathPenalty", "TimerDeathPenalty"])
def test_time_limit_of_a_job_ends_a_function_of_the_settings(workers: Workers, limit: str) -> None:
    _work(workers, limit, calls=2)
    assert workers.recorded() == ["/cleaned-up", "/limited"]


def test_work_horse_with_hung_collector_ends_after_flush_timeout(workers: Workers) -> None:
    workers.recorder.answer_with(then=Fault.HANG)
    log = _work(workers, "Worker", "parent", calls=1, FLUSH_TIMEOUT=FLUSH_TIMEOUT, REQUEST_TIMEOUT=90)
    took = time.monotonic() - workers.recorder.deliveries[0].at
    # The delivery begins a little after the work horse begins to wait.
    assert FLUSH_TIMEOUT - 2 < took < 60
    assert "1 event is lost" in log
