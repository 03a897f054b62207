"""Hooks for the child processes of multiprocessing, and of its variants billiard and multiprocess.

Such a child ends with ``os._exit`` and runs no exit handlers. It runs the finalizers that were registered in the child.

Hooks only what the application has imported. ``hook`` runs when this package is imported and before each fork.
"""

from __future__ import annotations

import importlib
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType

__all__ = ["hook", "hook_this_child"]

#: The libraries with a module ``util`` of their own.
_LIBRARIES = ("multiprocessing", "multiprocess")

#: Names of the libraries that have the hook.
_hooked: set[str] = set()


def hook(deliver: Callable[[], None]) -> None:
    """Make future children of the libraries that are imported call ``deliver`` before they end."""
    if "billiard.process" in sys.modules:
        # Its children import this module and run the hooks of it.
        importlib.import_module("multiprocessing.util")
    for name in _LIBRARIES:
        util: Any = sys.modules.get(f"{name}.util")
        # While another thread is importing the module, it may lack this function.
        if name not in _hooked and hasattr(util, "register_after_fork"):
            _hooked.add(name)
            util.register_after_fork(util, lambda util: _finalize(util, deliver))


def hook_this_child(deliver: Callable[[], None]) -> None:
    """Make this process call ``deliver`` before it ends, if it is a child and has run the hooks of children already."""
    for name in _LIBRARIES:
        if name in _hooked and _is_child(name):
            _finalize(sys.modules[f"{name}.util"], deliver)


def _finalize(util: ModuleType, deliver: Callable[[], None]) -> None:
    finalize: Any = vars(util)["Finalize"]
    finalize(None, deliver, exitpriority=0)


def _is_child(library: str) -> bool:
    """Return whether this process is a child of a library. A child of billiard counts as one of multiprocessing."""
    parent: Any = getattr(sys.modules.get(f"{library}.process"), "parent_process", None)
    if parent is not None and parent() is not None:
        return True
    current: Any = getattr(sys.modules.get("billiard.process"), "current_process", None)
    # billiard has no parent_process.
    return library == "multiprocessing" and current is not None and getattr(current(), "_parent_pid", None) is not None
