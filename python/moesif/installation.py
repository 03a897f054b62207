"""Detects installed packages that share files with this one.

This package contains the import packages of the distributions it replaces. If one of those is installed in
the same directory, the distribution that was installed last has its files there. Uninstalling either removes
files of the other.
"""

from __future__ import annotations

import logging
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

#: Replaced distributions. Each has an import package of the same name, which this package contains too.
REPLACED = ("moesifapi", "moesifdjango", "moesifpythonrequest", "moesifwsgi")
_NAME = "moesif-rs"
_METADATA = "moesif_rs"


def warn_of_shared_files() -> None:
    """Log a warning on ``moesif`` if a replaced distribution is installed. It ends with the commands for the repair.

    Looks only at the directory that contains this package: importing ``importlib.metadata`` would cost every
    program tens of milliseconds. Never raises.
    """
    directory = os.path.dirname(os.path.dirname(__file__))  # noqa: PTH120 - importing pathlib takes longer than all of this
    installed = [name for name in REPLACED if metadata_directory(directory, name)]
    if installed:
        logging.getLogger("moesif").warning(
            "%s and moesif-rs are installed in the same directory (%s) and overwrite each other's files. "
            "moesif-rs replaces %s. To repair the installation, %s",
            " and ".join(installed),
            directory,
            "it" if len(installed) == 1 else "them",
            repair(directory, installed),
        )


def repair(directory: str, replaced: Iterable[str]) -> str:
    """Return what to do to uninstall the ``replaced`` and put the files of this package back: commands to run.

    If the file that this package was installed from is missing, it must be restored first.
    """
    requirement, missing = _requirement(directory)
    install = f"pip install --force-reinstall --no-deps {requirement}"
    names = " ".join(replaced)
    commands = f"run: pip uninstall --yes {names} && {install}" if names else f"run: {install}"
    return f"restore {missing} first, because moesif-rs was installed from it. Then {commands}" if missing else commands


def metadata_directory(directory: str, name: str) -> str | None:
    """Return the path of the metadata of a distribution that is installed in ``directory``."""
    try:
        entries = os.listdir(directory)  # noqa: PTH208 - pathlib is slow to import
    except OSError:  # not a directory: a zip archive
        return None
    for entry in entries:
        if entry.startswith(f"{name}-") and entry.endswith((".dist-info", ".egg-info")):
            return f"{directory}{os.sep}{entry}"
    return None


def _requirement(directory: str) -> tuple[str, str | None]:
    """Return what pip must install to install this package again, quoted for a shell.

    This is the file or address that pip has noted. It is the name if pip has noted nothing, because the package came
    from an index. Also returns the path of the file if it does not exist any more.
    """
    import json  # noqa: PLC0415 - not needed by programs without a fault
    import shlex  # noqa: PLC0415 - the same
    from urllib.parse import urlsplit  # noqa: PLC0415 - the same
    from urllib.request import url2pathname  # noqa: PLC0415 - the same

    try:
        with open(f"{metadata_directory(directory, _METADATA)}{os.sep}direct_url.json", encoding="utf-8") as file:  # noqa: PTH123 - pathlib is slow to import
            source = json.load(file)
        url = source["url"]
        if url.startswith("file:"):
            path = url2pathname(urlsplit(url).path)
            return shlex.quote(path), None if os.path.exists(path) else path  # noqa: PTH110 - the same
        if "vcs_info" in source:
            url = f"{_NAME} @ {source['vcs_info']['vcs']}+{url}@{source['vcs_info']['commit_id']}"
        return shlex.quote(url), None
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return _NAME, None
