"""Turns: how many requests a process, or an event loop, has begun at once.

The others hold no descriptor while they wait.
"""

from __future__ import annotations

import os
import queue
from collections import deque
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

if TYPE_CHECKING:
    import asyncio

#: Requests begun at once, at most: by all threads and greenlets of a process, and by the tasks of each event loop.
_MOST_BEGUN = 64


class Turns:
    """The turns of threads and greenlets.

    A queue of what is free: the standard library's may be used by a signal's handler as well, and where gevent has
    patched it, it holds up nobody but the greenlet that waits. It is made by the first request of a process, so that
    it is what the program has made of it by then, and a child does not miss turns that threads of its parent have.
    """

    def __init__(self) -> None:
        """Make nothing yet."""
        #: By process: that of a parent stays its parent's.
        self._free: dict[int, queue.SimpleQueue[None]] = {}

    def take(self, seconds: float) -> bool:
        """Wait for a turn. Returns whether it came in time."""
        try:
            self._of_this_process().get(timeout=seconds)
        except queue.Empty:
            return False
        return True

    def give(self) -> None:
        """Give a turn back."""
        self._of_this_process().put(None)

    def _of_this_process(self) -> queue.SimpleQueue[None]:
        process = os.getpid()
        free = self._free.get(process)
        if free is None:
            free = queue.SimpleQueue()
            for _ in range(_MOST_BEGUN):
                free.put(None)
            free = self._free.setdefault(process, free)
        return free


class TaskTurns:
    """The turns of the tasks of one event loop."""

    def __init__(self) -> None:
        """All are free."""
        self._free = _MOST_BEGUN
        self._waiting: deque[asyncio.Future[bool]] = deque()

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


_of_loops: WeakKeyDictionary[asyncio.AbstractEventLoop, TaskTurns] = WeakKeyDictionary()


def turns_of(loop: asyncio.AbstractEventLoop) -> TaskTurns:
    """Return the turns of a loop."""
    turns = _of_loops.get(loop)
    if turns is None:
        turns = _of_loops[loop] = TaskTurns()
    return turns
