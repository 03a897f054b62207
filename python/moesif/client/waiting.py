"""Waiting for a request that native threads make: on a socket of Python's own.

So greenlets of gevent and eventlet run meanwhile where a program has patched ``socket``, an event loop waits as it
waits for anything else, and a signal's handler is run at once. The socket is looked at and not read: after a fork the
child has it as well, and must not take its parent's byte.
"""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from moesif import _native

#: How much longer than the native side anybody waits, in seconds: it keeps its time, unless it has no thread to spare.
_GRACE = 1.0


class Outcome(NamedTuple):
    """What came of a request. ``status`` is 0 where no answer came; ``problem`` is a sentence where not all is well."""

    status: int
    fields: list[tuple[str, str]]
    body: bytes
    problem: str | None


def wait(call: _native.ApiCall) -> Outcome:
    """Wait for what comes of a request. Who interrupts the wait gives the request up."""
    with socket.socket(fileno=call.detach()) as bell:
        bell.settimeout(call.patience + _GRACE)
        try:
            bell.recv(1, socket.MSG_PEEK)
        except TimeoutError:
            call.abandon()
        except BaseException:
            call.abandon()
            raise
    return _outcome(call)


async def wait_async(call: _native.ApiCall) -> Outcome:
    """Wait on the running event loop. Who cancels the wait gives the request up."""
    import asyncio  # noqa: PLC0415 - it takes long to import, and few programs that import this need it

    loop = asyncio.get_running_loop()
    with socket.socket(fileno=call.detach()) as bell:
        bell.setblocking(False)  # noqa: FBT003 - it takes nothing but a position
        try:
            await asyncio.wait_for(loop.sock_recv(bell, 1), call.patience + _GRACE)
        except asyncio.TimeoutError:
            call.abandon()
        except BaseException:
            call.abandon()
            raise
    return _outcome(call)


def _outcome(call: _native.ApiCall) -> Outcome:
    told = call.outcome()
    if told is None:
        return Outcome(0, [], b"", f"no answer came within {call.patience:g} s")
    return Outcome(*told)
