"""Virtual environments that contain only what a test installs into them."""

from __future__ import annotations

import subprocess
import sys
import venv
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


class EmptyEnvironment:
    """A virtual environment without pip. This process's pip installs into it."""

    def __init__(self, directory: Path) -> None:
        venv.create(directory, with_pip=False, symlinks=True)
        self.python = directory / "bin" / "python"

    def pip(self, *arguments: str | Path, variables: Mapping[str, str] | None = None, timeout: float = 110) -> str:
        """Run a command of pip. Returns its output and errors."""
        ended = subprocess.run(
            [sys.executable, "-m", "pip", "--python", self.python, "--disable-pip-version-check", *arguments],
            env=variables,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=timeout,
            check=False,
        )
        assert ended.returncode == 0, ended.stdout
        return ended.stdout

    def run(self, *arguments: str, variables: Mapping[str, str] | None = None, code: int = 0) -> tuple[str, str]:
        """Run Python without variables but these. Returns what it prints, and the errors it prints."""
        ended = subprocess.run(
            [self.python, *arguments],
            env=dict(variables or {}),
            capture_output=True,
            text=True,
            timeout=110,
            check=False,
        )
        assert ended.returncode == code, ended.stdout + ended.stderr
        return ended.stdout, ended.stderr
