"""Hooks for the end of the process and for forks. At the end, the last events are delivered, within a time limit.

Delivery runs on native threads, which Python does not inform. So this module registers hooks that call the native
side.
"""

from __future__ import annotations

import atexit
import os
import sys

from moesif import _native, children, workers


def _finish_delivery() -> None:
    # A sub-interpreter can outlive the main one. By then no thread can take an interpreter lock again, so a
    # thread that waited for delivery would never return.
    if not sys.is_finalizing():
        _native.finish()


def _hook_workers() -> None:
    """Make future children deliver at their end, and this process, if it is a worker of Celery or RQ."""
    children.hook(_finish_delivery)
    workers.hook(_finish_delivery)


# Exit handlers run in reverse order. This one is registered at import, so it runs after those that an
# application registers later, and the calls they make are still delivered.
atexit.register(_finish_delivery)

# The native side detects a fork by comparing process ids, because some servers fork without running hooks. With
# the hook, it detects the fork before the first request.
if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_hook_workers, after_in_child=_native.after_fork_in_child)

_hook_workers()

children.hook_this_child(_finish_delivery)
