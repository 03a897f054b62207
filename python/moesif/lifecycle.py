"""Hooks for the end of the process and for forks. At the end, the last events are delivered, within a time limit.

Delivery runs on native threads, which Python does not inform. So this module registers hooks that call the native
side.
"""

from __future__ import annotations

import atexit
import os
import sys
from typing import TYPE_CHECKING, Any

from moesif import _native, workers

if TYPE_CHECKING:
    from types import ModuleType


def _finish_delivery() -> None:
    # A sub-interpreter can outlive the main one. By then no thread can take an interpreter lock again, so a
    # thread that waited for delivery would never return.
    if not sys.is_finalizing():
        _native.finish()


def _finish_at_end_of_worker(multiprocessing_util: ModuleType) -> None:
    """Deliver at the end of this process, which is a child of ``multiprocessing``.

    Such a child runs no exit handlers. It runs the finalizers of ``multiprocessing`` that were registered in
    the child.
    """
    multiprocessing_util.Finalize(None, _finish_delivery, exitpriority=0)


#: Holds ``multiprocessing.util`` once it has the hook of this module.
_hooked: list[ModuleType] = []


def _hook_multiprocessing() -> None:
    """Make future children of ``multiprocessing`` deliver at their end. Does nothing if it is not imported."""
    multiprocessing_util: Any = sys.modules.get("multiprocessing.util")
    if multiprocessing_util is not None and not _hooked:
        _hooked.append(multiprocessing_util)
        multiprocessing_util.register_after_fork(multiprocessing_util, _finish_at_end_of_worker)


def _hook_workers() -> None:
    """Make future children deliver at their end, and this process, if it is such a child."""
    _hook_multiprocessing()
    workers.hook(_finish_delivery)


# Exit handlers run in reverse order. This one is registered at import, so it runs after those that an
# application registers later, and the calls they make are still delivered.
atexit.register(_finish_delivery)

# The native side detects a fork by comparing process ids, because some servers fork without running hooks. With
# the hook, it detects the fork before the first request.
if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_hook_workers, after_in_child=_native.after_fork_in_child)

_hook_workers()

# If this module is imported in a child of multiprocessing, the child has already run its after-fork hooks.
_parent_process: Any = getattr(sys.modules.get("multiprocessing.process"), "parent_process", None)
if _hooked and _parent_process is not None and _parent_process() is not None:
    _finish_at_end_of_worker(_hooked[0])
