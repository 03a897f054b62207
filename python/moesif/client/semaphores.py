"""Turns: how many requests a process, or an event loop, has begun at once.

The others hold no descriptor while they wait. Each collector has turns of its own, so that one that hangs does not take
those of the others.
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

_Turns = TypeVar("_Turns", bound="ThreadTurns | TaskTurns")

#: Requests to one collector that are begun at once, at most: by all threads and greenlets of a process, and by the
#: tasks of each event loop.
_MOST_BEGUN = 32
#: Collectors with turns of their own, at most; where as many are being asked, further ones share theirs.
_MOST_OWN = 8


class ThreadTurns:
    """The turns of threads and greenlets.

    A queue of what is free: the standard library's may be used by a signal's handler as well, and where gevent has
    patched it, it holds up nobody but the greenlet that waits.
    """

    def __init__(self) -> None:
        """All are free."""
        # Looked up now: it is what the program has made of it before its first request.
        self._free: queue.SimpleQueue[None] = queue.SimpleQueue()
        for _ in range(_MOST_BEGUN):
            self._free.put(None)

    @property
    def is_idle(self) -> bool:
        """Whether all are free."""
        return self._free.qsize() >= _MOST_BEGUN

    def take(self, seconds: float) -> bool:
        """Wait for a turn. Returns whether it came in time."""
        try:
            self._free.get(timeout=seconds)
        except queue.Empty:
            return False
        return True

    def give(self) -> None:
        """Give a turn back."""
        self._free.put(None)


class TaskTurns:
    """The turns of the tasks of one event loop."""

    def __init__(self) -> None:
        """All are free."""
        self._free = _MOST_BEGUN
        self._waiting: deque[asyncio.Future[bool]] = deque()

    @property
    def is_idle(self) -> bool:
        """Whether all are free."""
        return self._free >= _MOST_BEGUN

    async def take(self, loop: asyncio.AbstractEventLoop, seconds: float) -> bool:
        """Wait for a turn. Returns whether it came in time."""
        if self._free:
            self._free -= 1
            return True
        turn: asyncio.Future[bool] = loop.create_future()
        self._waiting.append(turn)
        timer = loop.call_later(seconds, _miss, turn)
        try:
            return await turn
        except BaseException:
            if turn.done() and not turn.cancelled() and turn.result():
                # It came while the task was being cancelled.
                self.give()
            raise
        finally:
            timer.cancel()

    def give(self) -> None:
        """Give a turn to the task that has waited longest, or back."""
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(True)
                return
        self._free += 1


def _miss(turn: asyncio.Future[bool]) -> None:
    if not turn.done():
        turn.set_result(False)


class _ByCollector(Generic[_Turns]):
    def __init__(self, make: Callable[[], _Turns]) -> None:
        self._make = make
        self._turns: dict[str, _Turns] = {}

    def of(self, collector: str) -> _Turns:
        turns = self._turns.get(collector)
        if turns is not None:
            return turns
        if len(self._turns) >= _MOST_OWN:
            for name, idle in list(self._turns.items()):
                if idle.is_idle:
                    self._turns.pop(name, None)
        name = collector if len(self._turns) < _MOST_OWN else ""
        return self._turns.setdefault(name, self._make())


#: By process: those of a parent stay its parent's, whose threads have some of them.
_of_processes: dict[int, _ByCollector[ThreadTurns]] = {}
_of_loops: WeakKeyDictionary[asyncio.AbstractEventLoop, _ByCollector[TaskTurns]] = WeakKeyDictionary()


def turns_of_process(collector: str) -> ThreadTurns:
    """Return the turns of this process's threads at a collector."""
    process = os.getpid()
    turns = _of_processes.get(process) or _of_processes.setdefault(process, _ByCollector(ThreadTurns))
    return turns.of(collector)


def turns_of_loop(loop: asyncio.AbstractEventLoop, collector: str) -> TaskTurns:
    """Return the turns of a loop's tasks at a collector."""
    turns = _of_loops.get(loop)
    if turns is None:
        turns = _of_loops[loop] = _ByCollector(TaskTurns)
    return turns.of(collector)
