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
    from typing import TypeAlias

    #: Other packages may have replaced a method by any object that must be bound.
    Method: TypeAlias = Any
    Worker: TypeAlias = Any

__all__ = ["hook"]

#: The methods that an RQ worker calls last in a work horse, in every version since 1.16.
_LAST_METHODS_OF_RQ = ("handle_job_success", "handle_job_failure", "handle_job_retry")

#: Attribute of a worker whose ``perform_job`` delivers.
_DELIVERS_AFTER_JOB = "_moesif_delivers_after_job"

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
    """Wrap methods of RQ's workers. RQ has no hook for the end of a work horse.

    If the worker imports this package, its work horses deliver after ``perform_job``. A work horse that imports it with
    the job is running that method already. It delivers after the methods that ``perform_job`` calls last.
    """
    worker: type | None = getattr(sys.modules.get("rq.worker"), "Worker", None)
    if worker is None or _wrapped:
        return
    _wrapped.append(worker)
    _wrap(worker, "main_work_horse", _delivering_after_job, deliver)
    for name in _LAST_METHODS_OF_RQ:
        _wrap(worker, name, _delivering, deliver)


def _wrap(worker: type, name: str, wrapping: Callable[..., object], deliver: Callable[[], None]) -> None:
    for owner in worker.__mro__:
        if name in vars(owner):
            setattr(owner, name, wrapping(vars(owner)[name], deliver))
            break


def _delivering_after_job(main_work_horse: Method, deliver: Callable[[], None]) -> Callable[..., object]:
    @wraps(main_work_horse)
    def wrapper(worker: Worker, /, *arguments: object, **named: object) -> object:
        perform = worker.perform_job

        def perform_job(*arguments: object, **named: object) -> object:
            try:
                return perform(*arguments, **named)
            finally:
                deliver()

        # Of the instance: a subclass may have a method of its own around that of RQ.
        worker.perform_job = perform_job
        setattr(worker, _DELIVERS_AFTER_JOB, True)
        return main_work_horse.__get__(worker, type(worker))(*arguments, **named)

    return wrapper


def _delivering(method: Method, deliver: Callable[[], None]) -> Callable[..., object]:
    @wraps(method)
    def wrapper(worker: object, /, *arguments: object, **named: object) -> object:
        try:
            return method.__get__(worker, type(worker))(*arguments, **named)
        finally:
            # The parent of the work horses calls these methods too, and runs on. A work horse that delivers after
            # perform_job would wait twice if the collector hangs.
            if getattr(worker, "is_horse", False) and _DELIVERS_AFTER_JOB not in vars(worker):
                deliver()

    return wrapper
