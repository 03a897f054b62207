"""An outgoing call with a function in its settings that goes on until a time limit ends it."""

from __future__ import annotations

import os
import time

import requests

from moesif import outgoing


def _identify(_request: object, _response: object) -> str:
    end = time.monotonic() + 60
    while time.monotonic() < end:
        # In short steps: a time limit from another thread arrives between two of them.
        time.sleep(0.01)
    return "never"


def call(limit: type[Exception]) -> None:
    """Call the API at ``/limited``, and then at ``/cleaned-up`` if the time limit arrives here."""
    try:
        outgoing.start({"IDENTIFY_USER_OUTGOING": _identify})
        requests.get(f"{os.environ['API']}/limited", timeout=30)
    except limit:
        outgoing.start()
        requests.get(f"{os.environ['API']}/cleaned-up", timeout=30)
