"""A collector that is killed loses nothing that it acknowledged, and a client nothing (docs/guarantees.md, I-23)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.delivery import chaos

if TYPE_CHECKING:
    from pathlib import Path


def test_everything_captured_is_stored_or_counted_although_the_collector_is_killed(tmp_path: Path) -> None:
    outcome = chaos.run(tmp_path, kills=3)
    chaos.check(outcome)
    assert outcome.lost == 0
    assert outcome.captured > 100
