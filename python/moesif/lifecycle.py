"""Waiting for delivery, the accounts, and what happens when the process ends.

Delivery runs on native threads that know nothing of Python. What the host's life cycle asks of them (one bounded wait
at exit) is decided here.
"""

from __future__ import annotations

import atexit
import os
import sys
from typing import TYPE_CHECKING, Any, Literal, TypedDict, cast

from moesif import _native

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import ModuleType


class Stats(TypedDict):
    """What became of every call this process has captured.

    At every moment ``captured`` equals the sum of ``sent``, ``sampled_out``, ``skipped``, all of ``dropped``,
    ``queued``, ``in_flight`` and ``spooled``.
    """

    captured: int
    sent: int
    sampled_out: int
    skipped: int
    dropped: Mapping[str, int]
    queued: int
    in_flight: int
    spooled: int
    queue_bytes: int
    bodies_removed: int
    callback_failures: int
    last_success: float | None
    last_error: str | None
    breaker: Literal["closed", "half_open", "open", "refused"]


#: Called before a flush: what finishes the records that waited for somebody to call us.
before_flush: list[Callable[[], None]] = []


def flush(timeout: float | None = None) -> bool:
    """Wait until every call recorded so far in this process is delivered, or counted as lost.

    ``timeout`` is in seconds; ``None`` is the longest ``FLUSH_TIMEOUT`` in use. Returns whether everything was settled
    in time. Other Python threads run meanwhile. A ``multiprocessing`` worker calls this before it ends, because its end
    runs no exit handlers.

    Raises ``ValueError`` for a negative or infinite timeout.
    """
    for finish in before_flush:
        finish()
    return _native.flush(timeout)


def stats() -> Stats:
    """Return what became of every call this process has captured; ``queue_bytes`` is the memory it takes now.

    ``bodies_removed`` counts the bodies that events were sent without: there was no room for them, or a mask could not
    be applied to them; ``callback_failures`` how often a function of the settings failed. ``last_success`` is when a
    collector last acknowledged events, in seconds since the epoch; ``last_error`` says why the last upload that failed
    did. ``breaker`` tells whether events are being sent: ``closed`` (they are), ``half_open`` (one batch is being
    tried), ``open`` (the collector fails and is left alone for a while) or ``refused`` (it does not take this
    APPLICATION_ID or BASE_URI).
    """
    return _native.stats()


def _finish() -> None:
    # A sub-interpreter that outlives the main one ends when no thread may take an interpreter up again: one that waited
    # for delivery would not come back.
    if not sys.is_finalizing():
        _native.finish()


def _look_after_multiprocessing() -> None:
    """See to it that children of multiprocessing deliver what they have recorded: they run no exit handlers.

    What they do run at their end are finalizers of multiprocessing's own, registered in the child itself.
    """
    multiprocessing: Any = sys.modules.get("multiprocessing.util")
    if multiprocessing is not None and not _looked_after:
        _looked_after.append(multiprocessing)
        multiprocessing.register_after_fork(multiprocessing, _finish_with)


_looked_after: list[object] = []


def _finish_with(multiprocessing: ModuleType) -> None:
    multiprocessing.Finalize(None, _finish, exitpriority=0)


# Registered once, at import: exit handlers run in reverse order, so that of an application that registers its own
# later the last calls are still recorded.
atexit.register(_finish)

# A child of a fork tells its process id from its parent's wherever it matters; where this hook is run, it need not find
# out with its first request. (Some servers fork without it.)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_look_after_multiprocessing, after_in_child=_native.after_fork_in_child)

_look_after_multiprocessing()

# Imported in such a child, we come too late for what it runs after its fork.
_parent_process: Any = getattr(sys.modules.get("multiprocessing.process"), "parent_process", None)
if _looked_after and _parent_process is not None and _parent_process() is not None:
    _finish_with(cast("ModuleType", _looked_after[0]))
