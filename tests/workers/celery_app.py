"""A Celery application. When its worker is ready, it queues ``CALLS`` tasks that call the API at ``API``."""

from __future__ import annotations

import os

import requests
from celery import Celery, signals  # type: ignore[import-not-found]
from celery.exceptions import SoftTimeLimitExceeded  # type: ignore[import-not-found]

app = Celery("tests", broker=f"redis+socket://{os.environ['REDIS']}")
app.conf.update(task_ignore_result=True, broker_connection_retry_on_startup=True)


def capture() -> None:
    """Start capturing, as a worker without a middleware does."""
    from moesif import outgoing  # noqa: PLC0415 - some tests have it imported in the pool process only

    outgoing.start()


if os.environ["CAPTURE_IN"] == "parent":
    capture()


@app.task  # type: ignore[untyped-decorator]
def call(number: int) -> None:
    capture()
    requests.get(f"{os.environ['API']}/items/{number}", timeout=30)


@app.task(soft_time_limit=5)  # type: ignore[untyped-decorator]
def call_with_time_limit() -> None:
    from tests.workers import limited  # noqa: PLC0415 - it imports the package

    limited.call(SoftTimeLimitExceeded)


@signals.worker_process_shutdown.connect  # type: ignore[untyped-decorator]
def say_goodbye(**_information: object) -> None:
    if os.environ.get("GOODBYE"):
        requests.get(f"{os.environ['API']}/goodbye", timeout=30)


@signals.worker_ready.connect  # type: ignore[untyped-decorator]
def queue_tasks(**_information: object) -> None:
    if os.environ.get("LIMITED"):
        call_with_time_limit.delay()
    for number in range(int(os.environ["CALLS"])):
        call.delay(number)
