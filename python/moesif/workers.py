"""Hooks for the worker processes of Celery and RQ, which end with ``os._exit`` and run no exit handlers.

Hooks only what the application has imported, and imports neither library. ``hook`` runs when this package is imported
and before each fork. So it also runs in a worker that imports the application itself.
"""

from __future__ import annotations

import sys
from functools import wraps
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["hook"]

#: The methods that an RQ worker calls last in a work horse, in every version since 1.16.
_LAST_METHODS_OF_RQ = ("handle_job_success", "handle_job_failure", "handle_job_retry")

#: Holds the worker class of RQ once its methods are wrapped.
_wrapped: list[type] = []


def hook(deliver: Callable[[], None]) -> None:
    """Make the workers of the libraries that are imported call ``deliver`` before they end."""
    _hook_celery(deliver)
    _hook_rq(deliver)


def _hook_celery(deliver: Callable[[], None]) -> None:
    """Connect to the signal that Celery sends in a process of its prefork pool before that process ends."""
    shutdown: Any = getattr(sys.modules.get("celery.signals"), "worker_process_shutdown", None)
    if shutdown is None:
        return

    def deliver_at_shutdown(**_information: object) -> None:
        deliver()

    # Receivers run in the order of their connection. Connecting again puts this one last, so that calls made by the
    # application's own receivers are delivered too.
    shutdown.disconnect(dispatch_uid=__name__)
    shutdown.connect(deliver_at_shutdown, weak=False, dispatch_uid=__name__)


def _hook_rq(deliver: Callable[[], None]) -> None:
    """Wrap the methods that end the job of a work horse. RQ has no hook for its end.

    ``perform_job`` calls these methods last. Wrapping ``perform_job`` itself would be too late in a work horse that
    imports this package with the job: it is already running.
    """
    worker: type | None = getattr(sys.modules.get("rq.worker"), "Worker", None)
    if worker is None or _wrapped:
        return
    _wrapped.append(worker)
    for name in _LAST_METHODS_OF_RQ:
        for owner in worker.__mro__:
            if name in vars(owner):
                setattr(owner, name, _delivering(vars(owner)[name], deliver))
                break


def _delivering(method: Callable[..., object], deliver: Callable[[], None]) -> Callable[..., object]:
    @wraps(method)
    def wrapper(worker: object, *arguments: object, **named: object) -> object:
        try:
            # Another package may have replaced the method by an object that must be bound.
            return method.__get__(worker, type(worker))(*arguments, **named)
        finally:
            # The parent of the work horses calls these methods too, and runs on.
            if getattr(worker, "is_horse", False):
                deliver()

    return wrapper
