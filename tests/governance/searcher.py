"""Searches for patterns as rules do, through the example program of the core."""

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
"""Whether it was found, ``"gave up"``, or ``{"error": why the pattern cannot be used}``."""


def searcher_binary() -> Path:
    """``MOESIF_PATTERN``, else the release build of this tree."""
    binary = Path(os.environ.get("MOESIF_PATTERN") or ROOT / "target" / "release" / "examples" / "pattern")
    if not os.access(binary, os.X_OK):
        message = f"{binary} is not there: `make test-python` builds it, MOESIF_PATTERN names another one"
        raise FileNotFoundError(message)
    return binary


def search(questions: Iterable[tuple[str, str]]) -> list[Found]:
    """Look for each pattern in its text."""
    lines = [json.dumps({"pattern": pattern, "text": text}) for pattern, text in questions]
    ended = subprocess.run(
        [searcher_binary()], input="\n".join(lines), capture_output=True, text=True, timeout=90, check=False
    )
    assert ended.returncode == 0, ended.stderr
    answers = [json.loads(line)["result"] for line in ended.stdout.splitlines()]
    assert len(answers) == len(lines), ended.stderr
    return answers
