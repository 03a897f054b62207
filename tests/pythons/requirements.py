"""What the tests on newer CPythons need from the machine.

``python -m tests.pythons.requirements`` prints what is missing and ends with 1, or ends with 0.
"""

from __future__ import annotations

import os
import platform
import shutil
import sys

#: Programs that download, unpack and run the packages.
_PROGRAMS = ("apt-get", "apt-cache", "dpkg-deb", "chroot")


def missing() -> str | None:
    """Return why the tests cannot run here, or None."""
    if sys.platform != "linux" or platform.machine() != "x86_64":
        return f"the wheel is for Linux on x86_64, and this is {sys.platform} on {platform.machine()}"
    if os.geteuid() != 0:
        return "chroot needs root"
    absent = [program for program in _PROGRAMS if not shutil.which(program)]
    if absent:
        return f"cannot find {', '.join(absent)}: the Pythons are packages of Debian"
    try:
        system = platform.freedesktop_os_release()
    except OSError:
        system = {}
    if system.get("ID") != "debian":
        return f"this is {system.get('NAME', 'an unknown system')}: only the apt of Debian has Debian's mirror and keys"
    return None


if __name__ == "__main__":
    if reason := missing():
        print(f"the tests on newer Pythons do not run: {reason}")
        sys.exit(1)
