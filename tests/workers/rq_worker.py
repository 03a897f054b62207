"""Queues jobs and works on them until the queue is empty.

``rq_worker Worker|SpawnWorker|CallingWorker|TracedWorker parent|horse``: ``CALLS`` jobs, the last of which fails.
``rq_worker UnixSignalDeathPenalty|TimerDeathPenalty``: one job with a time limit, which this class of RQ applies.
"""

from __future__ import annotations

import functools
import os
import sys
from typing import Any

import requests
import rq  # type: ignore[import-not-found]
from redis import Redis  # type: ignore[import-not-found]
from rq import timeouts
from rq import worker as workers


class CallingWorker(workers.Worker):  # type: ignore[misc]
    """A worker that makes calls after those of a job."""

    def handle_job_success(self, *arguments: Any, **named: Any) -> None:
        """Make a call after a job that succeeded."""
        super().handle_job_success(*arguments, **named)
        requests.get(f"{os.environ['API']}/after-success", timeout=30)

    def perform_job(self, *arguments: Any, **named: Any) -> Any:
        """Make a call after a job."""
        is_successful = super().perform_job(*arguments, **named)
        requests.get(f"{os.environ['API']}/after-job", timeout=30)
        return is_successful


class TracedWorker(workers.Worker):  # type: ignore[misc]
    """A worker with its method replaced in the instance, as software that measures jobs does."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        """Replace ``perform_job``."""
        super().__init__(*arguments, **named)
        perform_job: Any = super().perform_job
        self.perform_job = functools.partial(perform_job)


def main() -> None:
    """Work until the queue is empty."""
    connection = Redis(unix_socket_path=os.environ["REDIS"])
    queue = rq.Queue(connection=connection)
    if len(sys.argv) == 2:
        queue.enqueue("tests.workers.rq_jobs.call_with_time_limit", job_timeout=5)
        worker = rq.Worker([queue], connection=connection)
        worker.death_penalty_class = getattr(timeouts, sys.argv[1])
        worker.work(burst=True)
        return
    kind, capture_in = sys.argv[1:3]
    if capture_in == "parent":
        import tests.workers.rq_jobs  # noqa: F401, PLC0415 - the worker itself captures
    last = int(os.environ["CALLS"]) - 1
    for number in range(last):
        queue.enqueue("tests.workers.rq_jobs.call", number)
    queue.enqueue("tests.workers.rq_jobs.call_and_fail", last)
    own: dict[str, Any] = {"CallingWorker": CallingWorker, "TracedWorker": TracedWorker}
    worker_class = own.get(kind) or getattr(workers, kind)
    worker_class([queue], connection=connection).work(burst=True)


if __name__ == "__main__":
    main()
