"""If a replaced package is installed too, importing moesif logs a warning with the commands that repair it."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import moesif
from tests.collector import ROOT
from tests.installation.environments import Environment

REPLACED = ("moesifwsgi==1.10.5", "moesifapi==1.5.5", "moesifpythonrequest==0.3.5")
PRINT_MODULES = """
import logging
logging.basicConfig(format="%(name)s %(levelname)s %(message)s")
import moesif, moesifwsgi
from moesifpythonrequest.start_capture.start_capture import StartCapture
print(moesifwsgi.MoesifMiddleware.__module__, StartCapture.__module__, moesif.__file__)
"""


def _run(*arguments: str, **variables: str) -> tuple[str, str]:
    ended = subprocess.run(
        [sys.executable, *arguments], env=variables, capture_output=True, text=True, timeout=110, check=False
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stdout, ended.stderr


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """A directory that contains a copy of the installed packages."""
    site_packages = Path(moesif.__file__).parent.parent
    for package in ("moesif", "moesifapi", "moesifpythonrequest", "moesifwsgi"):
        shutil.copytree(site_packages / package, tmp_path / package)
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
def test_warning_names_packages_that_own_the_same_files(installed: Path, metadata: list[str], named: str) -> None:
    for name in metadata:
        (installed / name).mkdir()
    output, errors = _run("-c", PRINT_MODULES, PYTHONPATH=str(installed))
    assert str(installed) in output
    assert errors.startswith("moesif WARNING ")
    assert errors.endswith(f"run: pip uninstall --yes {named} && pip install --force-reinstall --no-deps moesif-rs\n")
    assert errors.count("\n") == 1


def test_other_packages_cause_no_warning(installed: Path) -> None:
    for name in ("moesif_rs-0.1.0.dist-info", "moesifwsgi_extra-1.0.dist-info", "moesifasgi-1.0.dist-info"):
        (installed / name).mkdir()
    assert _run("-c", PRINT_MODULES, PYTHONPATH=str(installed))[1] == ""


def test_import_does_not_load_importlib_metadata() -> None:
    """It takes longer than everything else here together."""
    source = "import sys, moesifwsgi; print('importlib.metadata' in sys.modules)"
    assert _run("-c", source)[0] == "False\n"


@pytest.mark.parametrize("ours_first", [True, False], ids=["before the replaced", "after the replaced"])
def test_commands_of_the_warning_repair_the_installation(tmp_path: Path, *, ours_first: bool) -> None:
    environment = Environment(tmp_path)
    wheels = [str(wheel) for wheel in (ROOT / "dist").glob("*.whl")]
    assert wheels, "run `make build`: it builds the wheel"
    for distributions in (wheels, REPLACED) if ours_first else (REPLACED, wheels):
        environment.pip("install", "--no-deps", *distributions)

    _, warning = environment.run("-c", "import moesif")
    commands = [command.split() for command in warning.rpartition("run: ")[2].split("&&")]
    assert [command[:2] for command in commands] == [["pip", "uninstall"], ["pip", "install"]], warning
    for _, *arguments in commands:
        is_install = arguments[0] == "install"
        environment.pip(*arguments, *(["--no-index", "--find-links", str(ROOT / "dist")] if is_install else []))

    output, errors = environment.run("-c", PRINT_MODULES)
    assert output.startswith("moesif.wsgi moesif.outgoing.capturing ")
    assert errors == ""
