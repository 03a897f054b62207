"""Virtual environments under .venvs, for tests of software that the product does not need.

They are made once and kept. Their packages are installed again when the list changes, the wheel of this tree each time.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent


def prepare(name: str, packages: tuple[str, ...], interpreter: str = sys.executable) -> Path:
    """Make the environment if it is missing, and return its directory."""
    directory = ROOT / ".venvs" / name
    marker = directory / ".requirements"
    requirements = "\n".join(packages)
    if not marker.exists() or marker.read_text() != requirements:
        subprocess.run([interpreter, "-m", "venv", "--clear", directory], check=True)
        _pip(directory, *packages)
        marker.write_text(requirements)
    (wheel,) = (ROOT / "dist").glob("*.whl")
    _pip(directory, "--force-reinstall", "--no-deps", str(wheel))
    return directory


def _pip(directory: Path, *arguments: str) -> None:
    pip = (directory / "bin" / "python", "-m", "pip")
    subprocess.run([*pip, "install", "--quiet", "--disable-pip-version-check", *arguments], check=True)
