"""An API to call, and capturing that stops when the test ends."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import pytest
import requests

import moesif.outgoing
from tests.outgoing.api import Api

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.recorder import Recorder

#: Options that deliver soon.
FAST = {"EVENT_BATCH_TIMEOUT": 0.02, "EVENT_WORKER_COUNT": 1, "FLUSH_TIMEOUT": 0.5}


@pytest.fixture
def api() -> Iterator[Api]:
    api = Api()
    yield api
    api.close()


@pytest.fixture(autouse=True)
def _untouched() -> Iterator[None]:
    """Check that each test leaves requests unchanged."""
    before = requests.Session.send
    yield
    moesif.outgoing.stop()
    assert requests.Session.send is before


class Capture(Protocol):
    def __call__(self, **options: Any) -> None: ...


@pytest.fixture
def capture(recorder: Recorder) -> Capture:
    """Start capturing with these options. Events go to ``recorder``."""

    def start(**options: Any) -> None:
        given = {"APPLICATION_ID": recorder.application_id, "BASE_URI": recorder.uri, **FAST, **options}
        moesif.outgoing.start(given)

    return start
