"""Capturing that stops when the test ends."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import pytest
import requests

import moesif.outgoing
from tests.recorder import FAST

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.recorder import Recorder


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
