"""Our events of outgoing calls are those of moesifpythonrequest 0.3.5, except for a list of differences."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tests.outgoing.api import Api
from tests.parity.conftest import UPSTREAM
from tests.parity.outgoing import drive
from tests.parity.outgoing.differences import DIFFERENCES
from tests.recorder import Recorder

Fields = dict[str, Any]

#: Calls that neither side records.
UNRECORDED = {"skipped", "of an SDK"}


def _play(python: str | Path) -> dict[str, Fields]:
    """Make all calls with one interpreter. Return the fields of each call's event by the name of the call."""
    api, recorder = Api(), Recorder()
    source = Path(drive.__file__)
    expected = len(drive.CALLS) - len(UNRECORDED) - (0 if python == sys.executable else 2)
    variables = {name: text for name, text in os.environ.items() if not name.startswith("MOESIF_")}
    try:
        command = [python, source, recorder.uri, recorder.application_id, api.uri]
        ended = subprocess.run(
            command, cwd=source.parent, env=variables, capture_output=True, text=True, timeout=100, check=False
        )
        assert ended.returncode == 0, ended.stderr
        deadline = time.monotonic() + 20
        while len(events := _events(recorder)) < expected:
            assert time.monotonic() < deadline, f"{len(events)} of {expected} events\n{ended.stderr}"
            time.sleep(0.02)
        played: dict[str, Fields] = {}
        for event in events:
            fields = _flat(event, api)
            name = fields["request.uri"].split("/")[4].partition("?")[0].replace("-", " ")
            name = "redirect" if name == "redirect target" else name
            played[name] = {**fields, "events": played.get(name, {}).get("events", 0) + 1}
        return played
    finally:
        recorder.close()
        api.close()


def _events(recorder: Recorder) -> list[Fields]:
    """Return all events. Upstream sends each in its own request."""
    documents = [json.loads(delivery.json) for delivery in recorder.accepted]
    return [event for document in documents for event in (document if isinstance(document, list) else [document])]


def _flat(event: Fields, api: Api) -> Fields:
    fields: Fields = {}
    for name, value in event.items():
        if name not in {"request", "response"}:
            fields[name] = "<id>" if name == "transaction_id" else value
            continue
        for part, inner in (value or {}).items():
            if part == "headers":
                fields |= {f"{name}.headers.{header}": text for header, text in inner.items() if header != "Date"}
            else:
                fields[f"{name}.{part}"] = "<time>" if part == "time" else inner
    text = json.dumps({name: value for name, value in fields.items() if value is not None})
    plain: Fields = json.loads(text.replace(f":{api.port}", ":<port>"))
    return plain


@pytest.fixture(scope="module")
def played() -> tuple[dict[str, Fields], dict[str, Fields]]:
    assert UPSTREAM.exists(), f"{UPSTREAM} does not exist: run `make test-python` to create it"
    return _play(UPSTREAM), _play(sys.executable)


def _differing(theirs: Fields, ours: Fields) -> set[str]:
    if not theirs or not ours:
        return {"events"} if theirs or ours else set()
    return {name for name in theirs.keys() | ours.keys() if theirs.get(name) != ours.get(name)}


@pytest.mark.parametrize("call", drive.CALLS)
def test_call_differs_only_as_listed(played: tuple[dict[str, Fields], dict[str, Fields]], call: str) -> None:
    theirs, ours = (side.get(call, {}) for side in played)
    assert bool(ours) is (call not in UNRECORDED)
    unexplained = {
        field: (theirs.get(field), ours.get(field))
        for field in _differing(theirs, ours)
        if not any(difference.explains(call, field) for difference in DIFFERENCES)
    }
    assert unexplained == {}


def test_every_difference_explains_a_finding(played: tuple[dict[str, Fields], dict[str, Fields]]) -> None:
    theirs, ours = played
    found = {(call, field) for call in drive.CALLS for field in _differing(theirs.get(call, {}), ours.get(call, {}))}
    unused = [entry.name for entry in DIFFERENCES if not any(entry.explains(*one) for one in found)]
    assert unused == []
