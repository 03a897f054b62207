"""A replaced distribution that is installed as well is found at import, and named with what puts it right."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import venv
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import moesif
from tests.collector import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable

UPSTREAM = ("moesifwsgi==1.10.5", "moesifapi==1.5.5", "moesifpythonrequest==0.3.5")
NAMES = """
import logging
logging.basicConfig(format="%(name)s %(levelname)s %(message)s")
import moesif, moesifwsgi
from moesifpythonrequest.start_capture.start_capture import StartCapture
print(moesifwsgi.MoesifMiddleware.__module__, StartCapture.__module__, moesif.__file__)
"""


def _run(python: str | Path, *arguments: str, **variables: str) -> tuple[str, str]:
    ended = subprocess.run(
        [python, *arguments], env=variables, capture_output=True, text=True, timeout=110, check=False
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stdout, ended.stderr


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A directory with this package in it, as installed."""
    installed = Path(moesif.__file__).parent.parent
    for package in ("moesif", "moesifapi", "moesifpythonrequest", "moesifwsgi"):
        shutil.copytree(installed / package, tmp_path / package)
    return tmp_path


@pytest.mark.parametrize(
    ("metadata", "named"),
    [
        (["moesifwsgi-1.10.5.dist-info"], "moesifwsgi"),
        (["moesifdjango-2.3.13.dist-info"], "moesifdjango"),
        (["moesifpythonrequest-0.3.5.dist-info"], "moesifpythonrequest"),
        (["moesifapi-1.5.5.dist-info", "moesifwsgi-1.10.5-py3.11.egg-info"], "moesifapi moesifwsgi"),
    ],
)
def test_a_distribution_that_owns_the_same_files_is_named(place: Path, metadata: list[str], named: str) -> None:
    for name in metadata:
        (place / name).mkdir()
    output, errors = _run(sys.executable, "-c", NAMES, PYTHONPATH=str(place))
    assert str(place) in output
    assert errors.startswith("moesif WARNING ")
    assert f"pip uninstall {named}, then pip install --force-reinstall --no-deps and the wheel" in errors
    assert errors.count("\n") == 1


def test_other_distributions_are_nobodys_business(place: Path) -> None:
    for name in ("moesif_rs-0.1.0.dist-info", "moesifwsgi_extra-1.0.dist-info", "moesifasgi-1.0.dist-info"):
        (place / name).mkdir()
    assert _run(sys.executable, "-c", NAMES, PYTHONPATH=str(place))[1] == ""


def test_looking_costs_no_import_of_importlib_metadata() -> None:
    """It takes longer than everything else here together."""
    source = "import sys, moesifwsgi; print('importlib.metadata' in sys.modules)"
    assert _run(sys.executable, "-c", source)[0] == "False\n"


@pytest.fixture
def environment(tmp_path: Path) -> tuple[Path, Callable[..., object]]:
    """A virtual environment: its interpreter, and pip for it."""
    venv.create(tmp_path, with_pip=False, symlinks=True)
    python = tmp_path / "bin" / "python"

    def pip(*arguments: str) -> object:
        return subprocess.run(
            [sys.executable, "-m", "pip", "--python", python, "--disable-pip-version-check", "--quiet", *arguments],
            check=True,
            timeout=110,
        )

    return python, pip


@pytest.mark.parametrize("ours_first", [True, False], ids=["installed before upstream", "installed after upstream"])
def test_the_commands_of_the_warning_put_it_right(
    environment: tuple[Path, Callable[..., object]], *, ours_first: bool
) -> None:
    python, pip = environment
    wheels = [str(wheel) for wheel in (ROOT / "dist").glob("*.whl")]
    assert wheels, "`make build` builds the wheel"
    for distributions in (wheels, UPSTREAM) if ours_first else (UPSTREAM, wheels):
        pip("install", "--no-deps", *distributions)

    _, errors = _run(python, "-c", "import moesif")
    warned = re.search(r"pip (uninstall .*?), then pip (install .*) and the wheel", errors)
    assert warned, errors
    uninstall, install = (command.split() for command in warned.groups())
    pip(*uninstall, "--yes")
    pip(*install, *wheels)

    assert _run(python, "-c", NAMES)[0].startswith("moesif.wsgi moesif.outgoing.capturing ")
    assert _run(python, "-c", NAMES)[1] == ""
