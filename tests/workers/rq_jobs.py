"""Jobs for RQ that call the API at ``API``. RQ imports this module in the work horse, unless the worker did."""

from __future__ import annotations

import os

import requests

from moesif import outgoing

outgoing.start()


def call(number: int) -> None:
    requests.get(f"{os.environ['API']}/items/{number}", timeout=30)


def call_and_fail(number: int) -> None:
    call(number)
    message = "the job fails"
    raise RuntimeError(message)
