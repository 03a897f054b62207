"""The event models that mask functions get behave like upstream's (docs/options.md, MASK_EVENT_MODEL)."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from moesif.models import EventModel, Headers
from tests.collector import ROOT

if TYPE_CHECKING:
    from pathlib import Path

#: Upstream parses the times in a dictionary, and writes them with more digits.
TIMES = {"2026-11-21T08:51:26.838000": "2026-11-21T08:51:26.838"}


def _described(python: Path | str) -> dict[str, Any]:
    command = [python, "-m", "tests.parity.describe_models"]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=60)
    outcomes: dict[str, Any] = json.loads(run.stdout)
    return outcomes


def _without_sizes(value: Any) -> Any:
    """Remove the sizes of bodies, which upstream's models do not have."""
    if isinstance(value, dict):
        return {name: _without_sizes(inner) for name, inner in value.items() if name != "content_length"}
    if isinstance(value, list):
        return [_without_sizes(item) for item in value if item != "content_length"]
    return TIMES.get(value, value) if isinstance(value, str) else value


def test_event_models_behave_like_upstreams(upstream: Path) -> None:
    theirs, ours = _described(upstream), _described(sys.executable)
    assert _without_sizes(ours) == _without_sizes(theirs)
    assert ours["names of a request"][-1] == ours["names of a response"][-1] == "content_length"


def test_headers_are_found_and_replaced_in_any_case() -> None:
    headers = Headers({"Authorization": "secret", "X-A": "1"})
    assert headers["AUTHORIZATION"] == headers.get("authorization") == "secret"
    assert "authorization" in headers
    assert dict(headers | {"authorization": "-"}) == {"Authorization": "-", "X-A": "1"}
    headers |= {"AUTHORIZATION": "-"}
    headers.update({"x-a": "2"}, b="3")
    assert headers.setdefault("B", "4") == "3"
    assert dict(headers.copy()) == {"Authorization": "-", "X-A": "2", "b": "3"}
    del headers["X-a"]
    assert headers.pop("aUTHORIZATION") == "-"
    assert headers.pop("gone", None) is None
    with pytest.raises(KeyError):
        headers.pop("gone")
    assert list(headers) == ["b"]


def test_model_keeps_times_of_a_dictionary_unchanged() -> None:
    document = {"request": {"time": "2026-11-21T08:51:26.838Z", "uri": "http://h/"}, "transaction_id": "k"}
    event = EventModel.from_dictionary(document)
    assert event.to_dictionary()["request"]["time"] == "2026-11-21T08:51:26.838Z"
