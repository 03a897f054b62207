"""Limits how many requests to a collector are in progress at once.

A request that is in progress holds two file descriptors; one that waits for a semaphore holds none. Each
collector has its own semaphore, so a collector that hangs does not block requests to others.
"""

from __future__ import annotations

import os
import queue
from collections import deque
from typing import TYPE_CHECKING, Generic, TypeVar
from weakref import WeakKeyDictionary

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

_Semaphore = TypeVar("_Semaphore", bound="ThreadSemaphore | TaskSemaphore")

#: Requests to one collector that may be in progress at once: for all threads and greenlets of a process
#: together, and for the tasks of each event loop.
_MAX_IN_PROGRESS = 32
#: Collectors that have a semaphore of their own. If more are in use at once, the others share one.
_MAX_SEMAPHORES = 8


class ThreadSemaphore:
    """A semaphore for threads and greenlets.

    It is a queue of permits. ``queue.SimpleQueue`` may be used in signal handlers, unlike
    ``threading.Semaphore``. If gevent has patched it, waiting blocks only the greenlet.
    """

    def __init__(self) -> None:
        """Create all permits."""
        # Looked up here and not at import, because gevent may patch it after this module was imported.
        self._permits: queue.SimpleQueue[None] = queue.SimpleQueue()
        for _ in range(_MAX_IN_PROGRESS):
            self._permits.put(None)

    @property
    def is_idle(self) -> bool:
        """Whether no permit is in use."""
        return self._permits.qsize() >= _MAX_IN_PROGRESS

    def acquire(self, timeout: float) -> bool:
        """Wait for a permit, for ``timeout`` seconds at most. Returns whether there was one."""
        try:
            self._permits.get(timeout=timeout)
        except queue.Empty:
            return False
        return True

    def release(self) -> None:
        """Return a permit."""
        self._permits.put(None)


class TaskSemaphore:
    """A semaphore for the tasks of one event loop. Tasks get permits in the order in which they asked."""

    def __init__(self) -> None:
        """Create all permits."""
        self._permits = _MAX_IN_PROGRESS
        self._waiters: deque[asyncio.Future[bool]] = deque()

    @property
    def is_idle(self) -> bool:
        """Whether no permit is in use."""
        return self._permits >= _MAX_IN_PROGRESS

    async def acquire(self, loop: asyncio.AbstractEventLoop, timeout: float) -> bool:
        """Wait for a permit, for ``timeout`` seconds at most. Returns whether there was one."""
        if self._permits:
            self._permits -= 1
            return True
        waiter: asyncio.Future[bool] = loop.create_future()
        self._waiters.append(waiter)
        timer = loop.call_later(timeout, _expire, waiter)
        try:
            return await waiter
        except BaseException:
            if waiter.done() and not waiter.cancelled() and waiter.result():
                # The permit came while the task was being cancelled.
                self.release()
            raise
        finally:
            timer.cancel()

    def release(self) -> None:
        """Give a permit to the task that has waited longest, or return it if none waits."""
        while self._waiters:
            waiter = self._waiters.popleft()
            if not waiter.done():
                waiter.set_result(True)
                return
        self._permits += 1


def _expire(waiter: asyncio.Future[bool]) -> None:
    if not waiter.done():
        waiter.set_result(False)


class _SemaphoresByCollector(Generic[_Semaphore]):
    def __init__(self, create: Callable[[], _Semaphore]) -> None:
        self._create = create
        self._semaphores: dict[str, _Semaphore] = {}

    def get(self, base_uri: str) -> _Semaphore:
        semaphore = self._semaphores.get(base_uri)
        if semaphore is not None:
            return semaphore
        if len(self._semaphores) >= _MAX_SEMAPHORES:
            for name, other in list(self._semaphores.items()):
                if other.is_idle:
                    self._semaphores.pop(name, None)
        name = base_uri if len(self._semaphores) < _MAX_SEMAPHORES else ""
        return self._semaphores.setdefault(name, self._create())


#: Keyed by process id. After a fork, permits that threads of the parent hold are never returned in the child. So
#: the child makes new semaphores.
_by_process: dict[int, _SemaphoresByCollector[ThreadSemaphore]] = {}
_by_loop: WeakKeyDictionary[asyncio.AbstractEventLoop, _SemaphoresByCollector[TaskSemaphore]] = WeakKeyDictionary()


def thread_semaphore(base_uri: str) -> ThreadSemaphore:
    """Return the semaphore of this process's threads for a collector."""
    process = os.getpid()
    semaphores = _by_process.get(process) or _by_process.setdefault(process, _SemaphoresByCollector(ThreadSemaphore))
    return semaphores.get(base_uri)


def task_semaphore(loop: asyncio.AbstractEventLoop, base_uri: str) -> TaskSemaphore:
    """Return the semaphore of an event loop's tasks for a collector."""
    semaphores = _by_loop.get(loop)
    if semaphores is None:
        semaphores = _by_loop[loop] = _SemaphoresByCollector(TaskSemaphore)
    return semaphores.get(base_uri)
