"""If a replaced package is installed too, the user hears of it, with the commands that repair the installation.

Importing moesif logs a warning. `python -m moesif check` finds the overwritten files.
"""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import moesif
from moesif.installation import repair
from tests.collector import ROOT
from tests.installation.environments import EmptyEnvironment
from tests.server import environment as environment_of

if TYPE_CHECKING:
    from tests.recorder import Recorder

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


def _check(environment: EmptyEnvironment, recorder: Recorder, code: int) -> str:
    variables = {"MOESIF_APPLICATION_ID": recorder.application_id, "MOESIF_BASE_URI": recorder.uri}
    return environment.run("-m", "moesif", "check", variables=variables, code=code)[0]


def _repair(environment: EmptyEnvironment, output: str) -> None:
    """Run the commands of the check as they stand."""
    (advice,) = re.findall(r"^ +do this: +run: (.*)$", output, re.MULTILINE)
    for command in advice.split(" && "):
        program, *arguments = shlex.split(command)
        assert program == "pip"
        environment.pip(*arguments)


@pytest.fixture
def wheel() -> str:
    wheels = [str(wheel) for wheel in (ROOT / "dist").glob("*.whl")]
    assert wheels, "there is no wheel: run `make build`"
    return wheels[0]


def test_check_names_packages_that_overwrote_ours_and_its_commands_repair_it(
    tmp_path: Path, wheel: str, recorder: Recorder
) -> None:
    environment = EmptyEnvironment(tmp_path / "with spaces")
    environment.pip("install", "--no-deps", wheel)
    assert "packages " not in _check(environment, recorder, 0)
    environment.pip("install", "--no-deps", *REPLACED)

    output = _check(environment, recorder, 1)
    assert output.startswith("FAILED  packages ")
    for replaced in REPLACED:
        assert f"{replaced.replace('==', ' ')} has overwritten files of moesif-rs" in output
    assert "moesifwsgi/__init__.py" in output
    _, warning = environment.run("-c", "import moesif")
    assert warning.rpartition("run: ")[2].strip() in output

    _repair(environment, output)
    assert "packages " not in _check(environment, recorder, 0)
    output, errors = environment.run("-c", PRINT_MODULES)
    assert output.startswith("moesif.wsgi moesif.outgoing.capturing ")
    assert errors == ""


def test_check_repairs_files_that_were_removed_with_the_replaced_package(
    tmp_path: Path, wheel: str, recorder: Recorder
) -> None:
    environment = EmptyEnvironment(tmp_path)
    environment.pip("install", "--no-deps", *REPLACED)
    environment.pip("install", "--no-deps", wheel)
    output = _check(environment, recorder, 0)
    assert "note: moesifapi 1.5.5 and moesifpythonrequest 0.3.5 and moesifwsgi 1.10.5 and moesif-rs" in output

    environment.pip("uninstall", "--yes", *(replaced.partition("==")[0] for replaced in REPLACED))
    output = _check(environment, recorder, 1)
    assert "are missing or changed: moesifwsgi/" in output
    assert "uninstall" not in output
    _repair(environment, output)
    assert "packages " not in _check(environment, recorder, 0)


def test_check_names_a_folder_that_hides_ours(tmp_path: Path, recorder: Recorder) -> None:
    (tmp_path / "moesifwsgi").mkdir()
    (tmp_path / "moesifwsgi" / "__init__.py").write_text("raise SystemExit('this module ran')")
    ended = subprocess.run(
        [sys.executable, "-m", "moesif", "check"],
        env=environment_of(recorder.uri, recorder.application_id, {}) | {"PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )
    assert ended.returncode == 1
    assert f"an import of moesifwsgi leads to {tmp_path / 'moesifwsgi'}" in ended.stdout
    assert f"rename or remove {tmp_path / 'moesifwsgi'}\n" in ended.stdout


def test_check_names_a_package_that_pip_cannot_uninstall(tmp_path: Path, wheel: str, recorder: Recorder) -> None:
    """pip installs into any folder with --target, as for AWS Lambda, but uninstalls only from its environment."""
    environment = EmptyEnvironment(tmp_path / "environment")
    environment.pip("install", "--no-deps", wheel)
    target = tmp_path / "layer"
    environment.pip("install", "--no-deps", "--target", target, REPLACED[0])
    variables = {
        "MOESIF_APPLICATION_ID": recorder.application_id,
        "MOESIF_BASE_URI": recorder.uri,
        "PYTHONPATH": str(target),
    }
    output, _ = environment.run("-m", "moesif", "check", variables=variables, code=1)
    assert f"an import of moesifwsgi leads to {target / 'moesifwsgi'}" in output
    assert f"rename or remove {target / 'moesifwsgi'}\n" in output


@pytest.mark.parametrize(
    ("source", "requirement"),
    [
        (None, "moesif-rs"),
        ({"url": "https://example.com/moesif_rs.whl", "archive_info": {}}, "https://example.com/moesif_rs.whl"),
        (
            {"url": "https://example.com/m.git", "vcs_info": {"vcs": "git", "commit_id": "abc"}},
            "'moesif-rs @ git+https://example.com/m.git@abc'",
        ),
    ],
)
def test_command_installs_from_where_the_package_came(
    tmp_path: Path, source: dict[str, object] | None, requirement: str
) -> None:
    metadata = tmp_path / "moesif_rs-0.1.0.dist-info"
    metadata.mkdir()
    if source:
        (metadata / "direct_url.json").write_text(json.dumps(source))
    command = f"pip install --force-reinstall --no-deps {requirement}"
    assert repair(str(tmp_path), ()) == f"run: {command}"
    assert repair(str(tmp_path), ["moesifwsgi"]) == f"run: pip uninstall --yes moesifwsgi && {command}"


def test_missing_file_is_restored_before_anything_is_uninstalled(tmp_path: Path) -> None:
    metadata = tmp_path / "moesif_rs-0.1.0.dist-info"
    metadata.mkdir()
    source = {"url": "file:///not/there/moesif_rs.whl", "archive_info": {}}
    (metadata / "direct_url.json").write_text(json.dumps(source))
    assert repair(str(tmp_path), ["moesifwsgi"]) == (
        "restore /not/there/moesif_rs.whl first, because moesif-rs was installed from it. Then run: pip uninstall "
        "--yes moesifwsgi && pip install --force-reinstall --no-deps /not/there/moesif_rs.whl"
    )


@pytest.mark.parametrize("page", ["getting-started.md", "migrating.md", "troubleshooting.md"])
def test_pages_have_the_commands_of_the_check(page: str) -> None:
    text = (ROOT / "docs" / page).read_text()
    assert "pip uninstall --yes moesifwsgi moesifdjango moesifpythonrequest moesifapi" in text
    assert "pip install --force-reinstall --no-deps dist/*.whl" in text
