"""A machine that cannot run the newer CPythons skips their tests with a reason, and builds no wheel for them."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.collector import ROOT
from tests.pythons.requirements import missing

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def debian(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Make this machine seem to have everything. The test takes one thing away."""
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(platform, "machine", lambda: "x86_64")
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(shutil, "which", lambda program: f"/usr/bin/{program}")
    monkeypatch.setattr(platform, "freedesktop_os_release", lambda: {"ID": "debian", "NAME": "Debian"})
    return monkeypatch


@pytest.mark.usefixtures("debian")
def test_nothing_is_missing_on_debian_as_root() -> None:
    assert missing() is None


def test_other_processor_is_named(debian: pytest.MonkeyPatch) -> None:
    debian.setattr(platform, "machine", lambda: "aarch64")
    assert "this is linux on aarch64" in str(missing())


def test_system_without_apt_or_chroot_is_named(debian: pytest.MonkeyPatch) -> None:
    debian.setattr(shutil, "which", lambda program: None if program == "apt-get" else program)
    assert str(missing()).startswith("cannot find apt-get: ")
    debian.setattr(sys, "platform", "darwin")
    assert "this is darwin" in str(missing())


def test_user_other_than_root_is_named(debian: pytest.MonkeyPatch) -> None:
    debian.setattr(os, "geteuid", lambda: 1000)
    assert missing() == "chroot needs root"


def test_apt_of_another_distribution_is_named(debian: pytest.MonkeyPatch) -> None:
    debian.setattr(platform, "freedesktop_os_release", lambda: {"ID": "ubuntu", "NAME": "Ubuntu"})
    assert str(missing()).startswith("this is Ubuntu")


@pytest.mark.parametrize("is_able", [True, False])
def test_make_builds_the_wheel_only_where_the_tests_run(tmp_path: Path, *, is_able: bool) -> None:
    python = tmp_path / "python"
    python.write_text(f"#!/bin/sh\nexit {0 if is_able else 1}\n")
    python.chmod(0o755)
    planned = subprocess.run(
        ["make", "--dry-run", "--always-make", "test-pythons", f"BIN={tmp_path}"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert ("--target x86_64-unknown-linux-gnu" in planned.stdout) is is_able, planned.stdout
