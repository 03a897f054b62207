"""Virtual environments of tests, for packages that the product and the other tests do not need.

They are under .venvs and stay between runs. ``make clean`` removes them.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Environment:
    """An environment with these packages and the wheel of this tree."""

    name: str
    #: Version of Python, such as ``3.11``.
    python: str
    packages: tuple[str, ...]

    @property
    def directory(self) -> Path:
        return ROOT / ".venvs" / self.name

    @property
    def interpreter(self) -> Path:
        return self.directory / "bin" / "python"

    def prepare(self) -> str | None:
        """Make the environment, unless it is as it should be already. Returns the reason if its Python is missing."""
        requirements = "\n".join(self.packages)
        if not self._is_marked("requirements", requirements):
            interpreter = _python(self.python)
            if interpreter is None:
                return f"Python {self.python} is not installed"
            subprocess.run([interpreter, "-m", "venv", "--clear", self.directory], check=True)
            self._pip(*self.packages)
            self._mark("requirements", requirements)
        (wheel,) = (ROOT / "dist").glob("*.whl")
        digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
        if not self._is_marked("wheel", digest):
            self._pip("--force-reinstall", "--no-deps", str(wheel))
            self._mark("wheel", digest)
        return None

    def _is_marked(self, name: str, text: str) -> bool:
        marker = self.directory / f".{name}"
        return marker.exists() and marker.read_text() == text

    def _mark(self, name: str, text: str) -> None:
        (self.directory / f".{name}").write_text(text)

    def _pip(self, *arguments: str) -> None:
        command: list[str | Path] = [self.interpreter, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        command += arguments
        subprocess.run(command, check=True)


def prepared(name: str, packages: tuple[str, ...]) -> Path:
    """Make the environment of this Python, unless it is as it should be already. Returns its directory."""
    environment = Environment(name, _this_python(), packages)
    reason = environment.prepare()
    if reason:
        raise RuntimeError(reason)
    return environment.directory


def _python(version: str) -> str | None:
    """Find an interpreter of this version: this one, else one from pyenv, else from the path."""
    if version == _this_python():
        return sys.executable
    root = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    found = sorted(root.glob(f"versions/{version}.*/bin/python{version}"))
    candidates = [str(path) for path in found[-1:]] + [path for path in [shutil.which(f"python{version}")] if path]
    for candidate in candidates:
        if subprocess.run([candidate, "-c", ""], capture_output=True, check=False).returncode == 0:
            return candidate
    return None


def _this_python() -> str:
    """Return the version of the Python that runs this, such as ``3.11``."""
    return f"{sys.version_info.major}.{sys.version_info.minor}"
