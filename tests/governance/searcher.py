"""Searches for patterns as rules do, through ``cargo xtask pattern``."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from tests.collector import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterable

Found: TypeAlias = "bool | str | dict[str, str]"
"""Whether the pattern matches, ``"limit exceeded"``, or ``{"error": reason why the pattern is refused}``."""


def xtask_binary() -> Path:
    """Return ``MOESIF_XTASK`` if it is set, else the release build in this tree."""
    binary = Path(os.environ.get("MOESIF_XTASK") or ROOT / "target" / "release" / "xtask")
    if not os.access(binary, os.X_OK):
        message = f"{binary} is not an executable file: run `make test-python` to build it, or set MOESIF_XTASK"
        raise FileNotFoundError(message)
    return binary


def search(questions: Iterable[tuple[str, str]]) -> list[Found]:
    """Search for each pattern in its text. Return the results in the same order."""
    lines = [json.dumps({"pattern": pattern, "text": text}) for pattern, text in questions]
    ended = subprocess.run(
        [xtask_binary(), "pattern"], input="\n".join(lines), capture_output=True, text=True, timeout=90, check=False
    )
    assert ended.returncode == 0, ended.stderr
    answers = [json.loads(line)["result"] for line in ended.stdout.splitlines()]
    assert len(answers) == len(lines), ended.stderr
    return answers
