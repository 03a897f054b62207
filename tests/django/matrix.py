"""Runs tests/django once for each Django below, each in a virtual environment of its own: `make test-django`.

Makes environments under .venvs if they are missing or their packages have changed. If a Python is missing, the run
skips its Django and says so; with CI set, it fails. Arguments go to pytest. DJANGO=4.2,5.2 chooses versions.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from tests import environments

ROOT = environments.ROOT
SERVERS = ("pytest==9.2.0", "pytest-timeout==2.4.0", "gunicorn==27.0.1", "requests==2.34.2")
ASYNCHRONOUS = ("uvicorn==0.54.0", "hypercorn==0.18.0")


@dataclass(frozen=True)
class Environment:
    """A Django version, its Python version and the other packages to install."""

    django: str
    python: str
    packages: tuple[str, ...]

    @property
    def name(self) -> str:
        return f"django-{self.django}-py{self.python}"

    @property
    def interpreter(self) -> Path:
        return ROOT / ".venvs" / self.name / "bin" / "python"


ENVIRONMENTS = (
    Environment("1.9.13", "3.10", ()),
    Environment("1.10.8", "3.10", ()),
    Environment("1.11.29", "3.10", ("djangorestframework==3.11.2",)),
    Environment("2.2.28", "3.10", ("djangorestframework==3.13.1",)),
    Environment("3.2.25", "3.10", ("djangorestframework==3.14.0", *ASYNCHRONOUS)),
    Environment("4.0.10", "3.10", ("djangorestframework==3.14.0", *ASYNCHRONOUS)),
    Environment("4.2.30", "3.11", ("djangorestframework==3.16.1", *ASYNCHRONOUS)),
    Environment("5.2.19", "3.12", ("djangorestframework==3.16.1", *ASYNCHRONOUS)),
    Environment("6.1.3", "3.13", ("djangorestframework==3.18.3", *ASYNCHRONOUS)),
)


def python(version: str) -> str | None:
    """Find an interpreter of this version: from pyenv, else from the path."""
    root = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    found = sorted(root.glob(f"versions/{version}.*/bin/python{version}"))
    candidates = [str(path) for path in found[-1:]] + [path for path in [shutil.which(f"python{version}")] if path]
    for candidate in candidates:
        if subprocess.run([candidate, "-c", ""], capture_output=True, check=False).returncode == 0:
            return candidate
    return None


def prepare(environment: Environment) -> str | None:
    """Make an environment with the wheel of this tree. Returns the reason if its Python is missing."""
    interpreter = python(environment.python)
    if interpreter is None:
        return f"Python {environment.python} is not installed"
    packages = (f"Django=={environment.django}", *SERVERS, *environment.packages)
    environments.prepare(environment.name, packages, interpreter)
    return None


def run(environment: Environment, arguments: list[str]) -> tuple[int, str]:
    """Run the tests, ignoring the warnings of old Djangos."""
    command: list[str | Path] = [
        environment.interpreter,
        "-m",
        "pytest",
        "tests/django",
        "--quiet",
        "-o",
        "filterwarnings=default",
    ]
    command += ["-p", "no:cacheprovider", "--disable-warnings", *arguments]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    return ran.returncode, ran.stdout + ran.stderr


def main() -> int:
    """Prepare and run all environments, two at a time."""
    wanted = tuple(os.environ.get("DJANGO", "").split(",")) if os.environ.get("DJANGO") else ("",)
    chosen = [environment for environment in ENVIRONMENTS if environment.django.startswith(wanted)]
    failed = False

    def prepare_and_run(environment: Environment) -> tuple[int, str]:
        missing = prepare(environment)
        if missing:
            return (1 if os.environ.get("CI") else 0), f"NOT RUN: {missing}\n"
        return run(environment, sys.argv[1:])

    with ThreadPoolExecutor(2) as pool:
        for environment, (status, output) in zip(chosen, pool.map(prepare_and_run, chosen), strict=True):
            print(f"--- Django {environment.django}, Python {environment.python}")
            print(output, flush=True)
            failed |= status != 0
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
