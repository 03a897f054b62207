"""Functions that wait until remote configuration, which is loaded in the background, is in force."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import moesif
from tests.gateway import make_environ, request
from tests.recorder import Answer

if TYPE_CHECKING:
    from collections.abc import Callable

#: Start of the path that a configuration samples out, so that a test sees when it is in force.
_PROBE = "/is-it-loaded/"
_numbers = iter(range(10**9))


def wait_until(condition: Callable[[], bool], what: str, timeout: float = 30) -> None:
    deadline = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < deadline, f"not within {timeout} s: {what}"
        # If the condition makes calls, this limits how many events they queue.
        time.sleep(0.005)


def sampled_out(application: Any, path: str = "/", **environ: Any) -> bool:
    """Make a call. Returns whether sampling left it out."""
    before = moesif.stats()["sampled_out"]
    request(application, make_environ("GET", path, **environ))
    return moesif.stats()["sampled_out"] > before


class Config:
    """A configuration, with a path that only this configuration samples out."""

    def __init__(self, tag: str | None = None, **fields: Any) -> None:
        self.probe = f"{_PROBE}{next(_numbers)}"
        probe = {"conditions": [{"path": "request.route", "value": f"^{self.probe}$"}], "sample_rate": 0}
        self.document = {"sample_rate": 100, **fields}
        self.document["regex_config"] = [probe, *fields.get("regex_config", [])]
        self.tag = tag

    @property
    def json(self) -> bytes:
        return json.dumps(self.document).encode()

    @property
    def answer(self) -> Answer:
        headers = (("X-Moesif-Config-ETag", self.tag),) if self.tag else ()
        return Answer(200, headers, self.json)

    def is_in_force(self, application: Any) -> bool:
        return sampled_out(application, self.probe)

    def await_in(self, application: Any) -> None:
        """Make calls until the configuration is in force."""
        wait_until(lambda: self.is_in_force(application), "the configuration is in force")
