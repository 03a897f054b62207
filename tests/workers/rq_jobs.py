"""Jobs for RQ that call the API at ``API``. RQ imports this module in the work horse, unless the worker did."""

from __future__ import annotations

import os

import requests
from rq.timeouts import JobTimeoutException  # type: ignore[import-not-found]

from moesif import outgoing
from tests.workers import limited

outgoing.start()


def call(number: int) -> None:
    requests.get(f"{os.environ['API']}/items/{number}", timeout=30)


def call_with_time_limit() -> None:
    limited.call(JobTimeoutException)


def call_and_fail(number: int) -> None:
    call(number)
    message = "the job fails"
    raise RuntimeError(message)
