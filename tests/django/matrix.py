"""Runs tests/django once for each Django below, each in a virtual environment of its own: `make test-django`.

Makes environments under .venvs if they are missing or their packages have changed. If a Python is missing, the run
skips its Django and says so; with CI set, it fails. Arguments go to pytest. DJANGO=4.2,5.2 chooses versions.
"""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.environments import ROOT, Environment

if TYPE_CHECKING:
    from pathlib import Path

SERVERS = ("pytest==9.2.0", "pytest-timeout==2.4.0", "gunicorn==27.0.1", "requests==2.34.2")
ASYNCHRONOUS = ("uvicorn==0.54.0", "hypercorn==0.18.0")


@dataclass(frozen=True)
class Version:
    """A Django version, its Python version and the other packages to install."""

    django: str
    python: str
    packages: tuple[str, ...]

    @property
    def environment(self) -> Environment:
        packages = (f"Django=={self.django}", *SERVERS, *self.packages)
        return Environment(f"django-{self.django}-py{self.python}", self.python, packages)


VERSIONS = (
    Version("1.9.13", "3.10", ()),
    Version("1.10.8", "3.10", ()),
    Version("1.11.29", "3.10", ("djangorestframework==3.11.2",)),
    Version("2.2.28", "3.10", ("djangorestframework==3.13.1",)),
    Version("3.2.25", "3.10", ("djangorestframework==3.14.0", *ASYNCHRONOUS)),
    Version("4.0.10", "3.10", ("djangorestframework==3.14.0", *ASYNCHRONOUS)),
    Version("4.2.30", "3.11", ("djangorestframework==3.16.1", *ASYNCHRONOUS)),
    Version("5.2.19", "3.12", ("djangorestframework==3.16.1", *ASYNCHRONOUS)),
    Version("6.1.3", "3.13", ("djangorestframework==3.18.3", *ASYNCHRONOUS)),
)


def run(environment: Environment, arguments: list[str]) -> tuple[int, str]:
    """Run the tests, ignoring the warnings of old Djangos."""
    command: list[str | Path] = [environment.interpreter, "-m", "pytest", "tests/django", "--quiet"]
    command += ["-o", "filterwarnings=default", "-p", "no:cacheprovider", "--disable-warnings", *arguments]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    return ran.returncode, ran.stdout + ran.stderr


def main() -> int:
    """Prepare and run all environments, two at a time."""
    wanted = tuple(os.environ.get("DJANGO", "").split(",")) if os.environ.get("DJANGO") else ("",)
    chosen = [version for version in VERSIONS if version.django.startswith(wanted)]
    failed = False

    def prepare_and_run(version: Version) -> tuple[int, str]:
        missing = version.environment.prepare()
        if missing:
            return (1 if os.environ.get("CI") else 0), f"NOT RUN: {missing}\n"
        return run(version.environment, sys.argv[1:])

    with ThreadPoolExecutor(2) as pool:
        for version, (status, output) in zip(chosen, pool.map(prepare_and_run, chosen), strict=True):
            print(f"--- Django {version.django}, Python {version.python}")
            print(output, flush=True)
            failed |= status != 0
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
