"""Children of ``billiard.Process`` deliver before they end, also if they are terminated."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.workers.conftest import Workers

PROGRAM = """
import os, sys, threading
import billiard, requests
from moesif import outgoing

outgoing.start()

def call(end):
    requests.get(os.environ["API"] + "/items", timeout=30)
    end.send("called")
    if sys.argv[1] == "terminated":
        threading.Event().wait()

ours, theirs = billiard.Pipe()
child = billiard.Process(target=call, args=[theirs])
child.start()
assert ours.recv() == "called"
if sys.argv[1] == "terminated":
    child.terminate()
child.join()
"""


@pytest.mark.parametrize("how", ["returns", "terminated"])
def test_child_delivers(processes: Workers, how: str) -> None:
    processes.run("-c", PROGRAM, how)
    assert processes.recorded() == ["/items"]
