"""No event is lost when the collector is killed under load (docs/guarantees.md, I-23)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.delivery import chaos

if TYPE_CHECKING:
    from pathlib import Path


def test_no_event_is_lost_when_the_collector_is_killed(tmp_path: Path) -> None:
    result = chaos.run(tmp_path, kills=3)
    chaos.assert_nothing_lost(result)
    assert result.lost == 0
    assert result.captured > 100
