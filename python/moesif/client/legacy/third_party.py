"""Names of requests and dateutil that star imports of moesifapi's modules offer.

Public programs rely on them: ``from moesifapi.moesif_api_client import *``, then ``requests.get(...)``. This package
needs neither library. So the names are offered only if the library is installed, and it is imported when a program
asks for the name.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from functools import cache
from typing import Any

#: The module that has each name, and its attribute. The attribute is ``None`` if the name is the package itself.
_SOURCES: dict[str, tuple[str, str | None]] = {
    "HTTPAdapter": ("requests.adapters", "HTTPAdapter"),
    "Retry": ("urllib3.util.retry", "Retry"),
    "dateutil": ("dateutil.parser", None),
    "requests": ("requests", None),
}


def offer(module_name: str, *names: str) -> None:
    """Add names to a module: to its ``__all__`` if their library is installed, and as attributes."""
    module: Any = sys.modules[module_name]

    def __getattr__(name: str) -> Any:  # noqa: N807 - becomes that of the module
        if name not in names:
            message = f"module {module_name!r} has no attribute {name!r}"
            raise AttributeError(message)
        package = _package(name)
        if not _is_installed(package):
            message = f"module {module_name!r} offers {name!r} only if {package} is installed: pip install {package}"
            raise AttributeError(message)
        source, attribute = _SOURCES[name]
        imported = importlib.import_module(source)
        return getattr(imported, attribute) if attribute else sys.modules[package]

    module.__getattr__ = __getattr__
    module.__all__ += [name for name in names if _is_installed(_package(name))]


def _package(name: str) -> str:
    return _SOURCES[name][0].partition(".")[0]


@cache
def _is_installed(package: str) -> bool:
    if sys.modules.get(package) is not None:
        return True
    try:
        return importlib.util.find_spec(package) is not None
    except (ImportError, ValueError):
        # An import hook refuses the package.
        return False
