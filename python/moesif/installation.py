"""Detects installed packages that share files with this one.

This package contains the import packages of the distributions it replaces. If one of those is installed in
the same directory, the distribution that was installed last has its files there. Uninstalling either removes
files of the other.
"""

from __future__ import annotations

import logging
import os

#: Replaced distributions. Each has an import package of the same name, which this package contains too.
_REPLACED = ("moesifapi", "moesifdjango", "moesifpythonrequest", "moesifwsgi")


def warn_of_shared_files() -> None:
    """Log a warning on ``moesif`` if a replaced distribution is installed. It ends with the commands for the repair.

    Looks only at the directory that contains this package: importing ``importlib.metadata`` would cost every
    program tens of milliseconds. Never raises.
    """
    try:
        directory = os.path.dirname(os.path.dirname(__file__))  # noqa: PTH120 - importing pathlib takes longer than all of this
        entries = os.listdir(directory)  # noqa: PTH208 - the same
    except OSError:  # not a directory: a zip archive
        return
    installed = [name for name in _REPLACED if any(_is_metadata(entry, name) for entry in entries)]
    if installed:
        logging.getLogger("moesif").warning(
            "%s and moesif-rs are installed in the same directory (%s) and overwrite each other's files. "
            "moesif-rs replaces %s. To repair the installation, run: "
            "pip uninstall --yes %s && pip install --force-reinstall --no-deps moesif-rs",
            " and ".join(installed),
            directory,
            "it" if len(installed) == 1 else "them",
            " ".join(installed),
        )


def _is_metadata(entry: str, name: str) -> bool:
    return entry.startswith(f"{name}-") and entry.endswith((".dist-info", ".egg-info"))
