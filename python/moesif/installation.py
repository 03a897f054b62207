"""Other distributions that share files with this one.

This package has the import names of those it replaces. Where one of them is installed into the same place, whichever
came last has its files there, and uninstalling either takes files of the other away.
"""

from __future__ import annotations

import logging
import os

#: Distributions whose import package, of the same name, is in this one.
_REPLACED = ("moesifapi", "moesifdjango", "moesifpythonrequest", "moesifwsgi")


def warn_of_shared_files() -> None:
    """Log a warning on ``moesif`` if such a distribution is installed, with the commands that put it right.

    Looks at the one directory this package is in. Asking importlib.metadata would cost every program tens of
    milliseconds for its import. Never raises.
    """
    try:
        place = os.path.dirname(os.path.dirname(__file__))  # noqa: PTH120 - pathlib takes longer to import than all of this
        entries = os.listdir(place)  # noqa: PTH208 - the same
    except OSError:  # not a directory: an archive
        return
    shared = [name for name in _REPLACED if any(_is_metadata(entry, name) for entry in entries)]
    if shared:
        logging.getLogger("moesif").warning(
            "%s and moesif-rs are installed in the same place (%s) and overwrite each other's files: "
            "pip uninstall %s, then pip install --force-reinstall --no-deps and the wheel moesif-rs came from",
            " and ".join(shared),
            place,
            " ".join(shared),
        )


def _is_metadata(entry: str, name: str) -> bool:
    return entry.startswith(f"{name}-") and entry.endswith((".dist-info", ".egg-info"))
