"""The source distribution can be installed, and a wheel that is built from it too."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.collector import ROOT
from tests.installation.environments import EmptyEnvironment

if TYPE_CHECKING:
    from tests.recorder import Recorder

#: One call of an application, in a process that imports only what is installed.
RECORD_ONE_CALL = """
import sys
from wsgiref.util import setup_testing_defaults
from moesifwsgi import MoesifMiddleware

def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"hello"]

environ = {"PATH_INFO": "/" + sys.argv[1]}
setup_testing_defaults(environ)
assert MoesifMiddleware(application, {})(environ, lambda *_arguments: None) == [b"hello"]
"""

#: Makes the compiler faster. The result is slow.
UNOPTIMIZED = {
    "CARGO_PROFILE_RELEASE_OPT_LEVEL": "0",
    "CARGO_PROFILE_RELEASE_LTO": "off",
    "CARGO_PROFILE_RELEASE_CODEGEN_UNITS": "16",
    "CARGO_PROFILE_RELEASE_DEBUG": "none",
}


def _build_sdist(directory: Path) -> Path:
    """Build the source distribution with the function that every build tool calls."""
    source = "import sys, maturin; maturin.build_sdist(sys.argv[1])"
    subprocess.run(
        [sys.executable, "-c", source, directory],
        cwd=ROOT,
        env={**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"},
        capture_output=True,
        check=True,
        timeout=110,
    )
    (sdist,) = directory.glob("*.tar.gz")
    return sdist


def _assert_records(environment: EmptyEnvironment, recorder: Recorder, path: str) -> None:
    variables = {"MOESIF_APPLICATION_ID": recorder.application_id, "MOESIF_BASE_URI": recorder.uri}
    known = len(recorder.events)
    environment.run("-I", "-c", RECORD_ONE_CALL, path, variables=variables)
    assert recorder.wait_for(known + 1)[known]["request"]["uri"] == f"http://127.0.0.1/{path}"


@pytest.mark.timeout(600)  # compiles everything
def test_sdist_and_a_wheel_from_it_can_be_installed(tmp_path: Path, recorder: Recorder) -> None:
    sdist = _build_sdist(tmp_path)
    variables = {**os.environ, **UNOPTIMIZED, "CARGO_TARGET_DIR": str(tmp_path / "target")}

    environment = EmptyEnvironment(tmp_path / "from-sdist")
    log = environment.pip("install", "--verbose", "--no-cache-dir", sdist, variables=variables, timeout=580)
    _assert_records(environment, recorder, "from-sdist")

    compiled = set(re.findall(r"Compiling (\S+) v(\S+)", log))
    locked = set(re.findall(r'^name = "(.*)"\nversion = "(.*)"$', (ROOT / "Cargo.lock").read_text(), re.MULTILINE))
    assert len(compiled) > 20, log
    assert compiled <= locked

    environment.pip("wheel", "--no-cache-dir", "--wheel-dir", tmp_path, sdist, variables=variables, timeout=580)
    (wheel,) = tmp_path.glob("*.whl")
    another = EmptyEnvironment(tmp_path / "from-wheel")
    another.pip("install", wheel)
    _assert_records(another, recorder, "from-wheel")
