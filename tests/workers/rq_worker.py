"""Queues ``CALLS`` jobs, the last of which fails, and works on them: ``rq_worker Worker|SpawnWorker parent|horse``."""

from __future__ import annotations

import os
import sys

import rq  # type: ignore[import-not-found]
from redis import Redis  # type: ignore[import-not-found]
from rq import worker as workers


def main() -> None:
    """Work until the queue is empty."""
    kind, capture_in = sys.argv[1:3]
    if capture_in == "parent":
        import tests.workers.rq_jobs  # noqa: F401, PLC0415 - the worker itself captures
    connection = Redis(unix_socket_path=os.environ["REDIS"])
    queue = rq.Queue(connection=connection)
    last = int(os.environ["CALLS"]) - 1
    for number in range(last):
        queue.enqueue("tests.workers.rq_jobs.call", number)
    queue.enqueue("tests.workers.rq_jobs.call_and_fail", last)
    getattr(workers, kind)([queue], connection=connection).work(burst=True)


if __name__ == "__main__":
    main()
