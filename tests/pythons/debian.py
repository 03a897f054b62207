"""Unpacks CPythons that this machine does not have, from Debian's unstable distribution.

They cannot run on this machine's libraries, so they are unpacked with their own libraries into a folder, and run in
it with ``chroot``. apt gets a configuration and lists of its own: nothing outside of the folder changes. The folder is
kept between runs. ``python -m tests.pythons.debian`` makes it.

The distribution changes from day to day and may drop a version. The other versions are unpacked then.
"""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tests.collector import ROOT

VERSIONS = ("3.14", "3.15")
#: Packages that programs inside use. All are pure Python, so that every version can import them.
PACKAGES = ("Django==6.1.3", "gunicorn==27.0.1", "uvicorn==0.54.0")
_KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")


@dataclass(frozen=True)
class Debian:
    """A folder with CPythons, packages, the wheel of this tree, and a copy of the tests."""

    directory: Path

    def python(self, version: str) -> tuple[str, ...]:
        """Return the command that runs this version. Its working directory is the folder's root."""
        return ("chroot", str(self.directory), f"/usr/bin/python{version}")

    def has(self, version: str) -> bool:
        """Return whether Debian had this version."""
        return (self.directory / "usr" / "bin" / f"python{version}").exists()

    @staticmethod
    def environment(version: str) -> dict[str, str]:
        """Return the variables that let this version find the packages and the tests."""
        return {"PYTHONPATH": f"/packages:/wheel-{version}:/", "PYTHONDONTWRITEBYTECODE": "1", "LANG": "C.UTF-8"}


def unpack() -> Debian:
    """Make the folder, if it is missing or its packages have changed, and install this tree's wheel into it."""
    debian = Debian(ROOT / ".venvs" / "debian")
    marker = debian.directory / ".complete"
    wanted = "\n".join((*VERSIONS, *PACKAGES))
    if not marker.exists() or marker.read_text() != wanted:
        shutil.rmtree(debian.directory, ignore_errors=True)
        _unpack_pythons(debian.directory)
        _pip(VERSIONS[0], debian.directory / "packages", *PACKAGES)
        # Without a version, the next run looks for it again.
        if all(map(debian.has, VERSIONS)):
            marker.write_text(wanted)
    wheels = list((ROOT / "wheels").glob("*.whl"))
    assert wheels, "there is no wheel: run `make wheels`"
    for version in VERSIONS:
        directory = debian.directory / f"wheel-{version}"
        shutil.rmtree(directory, ignore_errors=True)
        _pip(version, directory, "--no-deps", "--no-index", *map(str, wheels))
    tests = debian.directory / "tests"
    shutil.rmtree(tests, ignore_errors=True)
    shutil.copytree(ROOT / "tests", tests, ignore=shutil.ignore_patterns("__pycache__"))
    return debian


def _unpack_pythons(directory: Path) -> None:
    """Download the packages of the CPythons, with those they depend on, and unpack them."""
    for name in ("usr/bin", "usr/sbin", "usr/lib", "usr/lib64", "dev", "tmp"):
        (directory / name).mkdir(parents=True)
    for name in ("bin", "sbin", "lib", "lib64"):
        (directory / name).symlink_to(f"usr/{name}")
    os.mknod(directory / "dev" / "null", stat.S_IFCHR | 0o666, os.makedev(1, 3))
    apt = directory / ".apt"
    (apt / "lists" / "partial").mkdir(parents=True)
    (apt / "cache" / "archives" / "partial").mkdir(parents=True)
    # No package is installed, as far as apt knows, so it downloads every dependency.
    (apt / "status").touch()
    (apt / "sources.list").write_text(f"deb [signed-by={_KEYRING}] {_mirror()} sid main\n")
    options = {
        "Dir::Etc::SourceList": apt / "sources.list",
        "Dir::Etc::SourceParts": "/dev/null",
        "Dir::Etc::PreferencesParts": "/dev/null",
        "Dir::State::Lists": apt / "lists",
        "Dir::State::status": apt / "status",
        "Dir::State::extended_states": apt / "extended_states",
        "Dir::Cache": apt / "cache",
        "APT::Sandbox::User": "root",
        "Acquire::Languages": "none",
        "Acquire::IndexTargets::deb::DEP-11::DefaultEnabled": "false",
        "Acquire::Retries": "3",
        # Without it, a list that cannot be downloaded is only a warning.
        "APT::Update::Error-Mode": "any",
    }
    configured = ["--quiet=2", *(f"--option={name}={value}" for name, value in options.items())]
    _run(["apt-get", *configured, "update"])
    pythons = [f"python{version}" for version in VERSIONS]
    known = _run(["apt-cache", *configured, "pkgnames"]).splitlines()
    found = [python for python in pythons if python in known]
    _run(["apt-get", *configured, "install", "--download-only", "--yes", "--no-install-recommends", *found])
    for package in sorted((apt / "cache" / "archives").glob("*.deb")):
        _run(["dpkg-deb", "--extract", package, directory])
    shutil.rmtree(apt)


def _mirror() -> str:
    """Return the address of the Debian mirror from which this machine installs its own packages."""
    listed = subprocess.run(
        ["apt-get", "indextargets", "--format", "$(REPO_URI) $(RELEASE)", "Identifier: Packages", "Component: main"],
        capture_output=True,
        text=True,
        check=True,
    )
    for line in listed.stdout.splitlines():
        address, _, release = line.partition(" ")
        if "security" not in release:
            return address
    message = "apt has no source of Debian's packages: expected one with the component main"
    raise LookupError(message)


def _pip(version: str, directory: Path, *arguments: str) -> None:
    """Install into the folder what this machine's pip would install in that version of Python."""
    _run(
        [
            *(sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-compile"),
            *("--only-binary=:all:", "--implementation", "cp", "--python-version", version),
            *("--platform", "manylinux_2_17_x86_64", "--target", str(directory), *arguments),
        ]
    )


def _run(command: list[str | Path]) -> str:
    """Run a command and return what it prints."""
    ended = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if ended.returncode:
        message = f"this command failed with {ended.returncode}: {' '.join(map(str, command))}\n{ended.stdout}"
        raise RuntimeError(message)
    return ended.stdout


if __name__ == "__main__":
    print(unpack().directory)
