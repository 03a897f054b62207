"""Times do not depend on the time zone of the process (docs/guarantees.md, I-27)."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import RunProgram
    from tests.recorder import Recorder

PROGRAM = """
import time
from moesifwsgi import MoesifMiddleware
from tests.gateway import hello, request
print(time.time())
request(MoesifMiddleware(hello, {}))
print(time.time())
"""


@pytest.mark.parametrize("zone", [None, "", "EST5EDT", "XYZ-14", "Europe/Berlin", "Nowhere/At/All"])
def test_times_are_right_with_any_time_zone_and_without_zone_data(
    run_program: RunProgram, recorder: Recorder, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, zone: str | None
) -> None:
    monkeypatch.delenv("TZ", raising=False)
    (tmp_path / "zones").mkdir()
    no_zone_data = {"TZDIR": str(tmp_path / "zones"), "PYTHONTZPATH": ""}
    ended = run_program(PROGRAM, to=recorder, variables=no_zone_data if zone is None else {**no_zone_data, "TZ": zone})
    assert (ended.code, ended.errors) == (0, "")
    # Times are cut off to milliseconds.
    before, after = (datetime.fromtimestamp(float(line), timezone.utc) for line in ended.output.split())
    [event] = recorder.events
    times = [datetime.fromisoformat(event[side]["time"].replace("Z", "+00:00")) for side in ("request", "response")]
    assert before - timedelta(milliseconds=1) <= times[0] <= times[1] <= after
