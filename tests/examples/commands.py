"""Runs the commands that the docstrings of the examples give."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from tests.collector import ROOT
from tests.server import environment

if TYPE_CHECKING:
    from tests.collector import Collector


def commands(example: str) -> list[str]:
    """Returns the commands that start an example, from its docstring. ``example`` is a path below examples/."""
    documentation = ast.get_docstring(ast.parse((ROOT / "examples" / example).read_text()))
    assert documentation
    collector, *others = [line.strip() for line in documentation.splitlines() if line.startswith("    ")]
    assert collector == "target/release/moesif-collector"
    return others


def arguments(command: str) -> list[str | Path]:
    """Returns the program and its arguments, with the interpreter of this process instead of that in .venv."""
    program, *rest = command.removeprefix(".venv/bin/").split()
    return [Path(sys.executable).with_name(program), *rest]


def variables(collector: Collector, **others: str) -> dict[str, str]:
    """Returns the environment of an example. PYTHONPATH is not set, as for a user in the root of the tree."""
    return {
        name: text
        for name, text in environment(collector.uri, collector.application_id, {}).items()
        if name != "PYTHONPATH"
    } | others


def run(command: str, collector: Collector, **others: str) -> subprocess.CompletedProcess[str]:
    """Runs a program to its end. ``others`` are environment variables."""
    ended = subprocess.run(
        arguments(command),
        cwd=ROOT,
        env=variables(collector, **others),
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    return ended
