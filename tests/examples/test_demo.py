"""`make demo` leaves nothing behind, however it is ended."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.collector import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@dataclass
class Demo:
    """A running demo: the process of `make`, and where the demo keeps its files."""

    make: subprocess.Popen[str]
    directory: Path

    def wait_until_it_keeps_running(self) -> str:
        """Return the output so far."""
        assert self.make.stdout
        lines = []
        for line in self.make.stdout:
            lines.append(line)
            if line.startswith("Everything keeps running"):
                return "".join(lines)
        raise AssertionError("".join(lines))

    def program(self) -> int:
        """Return the process id of the Python program that `make` has started."""
        children = Path(f"/proc/{self.make.pid}/task/{self.make.pid}/children").read_text().split()
        [program] = [
            int(child) for child in children if b"examples/demo.py" in Path(f"/proc/{child}/cmdline").read_bytes()
        ]
        return program


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[Demo]:
    """Start `make demo` in a process group of its own. What it would build is there."""
    make = subprocess.Popen(
        ["make", "--old-file=build", f"BIN={Path(sys.executable).parent}", "demo"],
        cwd=ROOT,
        env=os.environ | {"TMPDIR": str(tmp_path), "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    yield Demo(make, tmp_path)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(make.pid, signal.SIGKILL)
    make.communicate()


@pytest.mark.parametrize(
    "end",
    [
        pytest.param(lambda demo: os.kill(demo.program(), signal.SIGTERM), id="SIGTERM to the program"),
        pytest.param(lambda demo: os.killpg(demo.make.pid, signal.SIGTERM), id="SIGTERM to the process group"),
        pytest.param(lambda demo: os.kill(demo.make.pid, signal.SIGTERM), id="SIGTERM to make"),
        pytest.param(lambda demo: os.killpg(demo.make.pid, signal.SIGHUP), id="the terminal closes"),
        pytest.param(lambda demo: os.killpg(demo.make.pid, signal.SIGINT), id="Ctrl-C"),
    ],
)
def test_demo_stops_its_programs_and_removes_its_directory(demo: Demo, end: Callable[[Demo], None]) -> None:
    output = demo.wait_until_it_keeps_running()
    ports = [int(port) for port in re.findall(r"http://127\.0\.0\.1:(\d+)/$", output, re.MULTILINE)]
    assert len(ports) == 2
    assert len(list(demo.directory.glob("moesif-demo-*"))) == 1
    end(demo)
    # The pipe is closed when the last process that `make` has started is gone.
    rest, _ = demo.make.communicate(timeout=60)
    assert "Traceback" not in rest
    assert list(demo.directory.glob("moesif-demo-*")) == []
    for port in ports:
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port), 10)
