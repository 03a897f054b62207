"""An environment with this package and the packages that real applications use for websockets.

It is made once, in .venvs/websockets, and made again if its packages have changed.
"""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

from tests.collector import ROOT

if TYPE_CHECKING:
    from pathlib import Path

PACKAGES = (
    "gunicorn==27.0.1",
    "gevent==26.9.0",
    "packaging==26.4",
    "Flask==3.1.3",
    "flask-sock==0.7.0",
    "simple-websocket==1.1.0",
    "gevent-websocket==0.10.1",
)
DIRECTORY = ROOT / ".venvs" / "websockets"


def prepare() -> Path:
    """Return the interpreter of the environment, with the wheel of this tree installed."""
    interpreter = DIRECTORY / "bin" / "python"
    marker = DIRECTORY / ".requirements"
    requirements = "\n".join((sys.version, *PACKAGES))
    if not marker.exists() or marker.read_text() != requirements:
        subprocess.run([sys.executable, "-m", "venv", "--clear", DIRECTORY], check=True)
        _pip(interpreter, *PACKAGES)
        marker.write_text(requirements)
    (wheel,) = (ROOT / "dist").glob("*.whl")
    _pip(interpreter, "--force-reinstall", "--no-deps", str(wheel))
    return interpreter


def _pip(interpreter: Path, *arguments: str) -> None:
    command: list[str | Path] = [
        interpreter,
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        *arguments,
    ]
    subprocess.run(command, check=True)
