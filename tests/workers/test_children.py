"""Child processes of multiprocessing and its variants deliver before they end, although they end with ``os._exit``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.workers.conftest import Workers


@pytest.mark.parametrize("capture_in", ["parent", "child"])
@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
@pytest.mark.parametrize("library", ["billiard", "multiprocess", "multiprocessing"])
def test_children_deliver_every_call(processes: Workers, library: str, method: str, capture_in: str) -> None:
    errors = processes.run("-m", "tests.workers.children", library, method, capture_in)
    assert len(processes.api.seen) == 3, errors
    assert processes.recorded() == ["/items/0", "/items/1", "/items/2"]
