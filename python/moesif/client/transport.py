"""Waiting for a request that native threads make: on a socket of Python's own.

So greenlets of gevent and eventlet run meanwhile where a program has patched ``socket``, an event loop waits as it
waits for anything else, and a signal's handler is run at once. A request is begun when its turn has come: each that is
begun has two descriptors, and a program needs its own.
"""

from __future__ import annotations

import socket
import time
from typing import TYPE_CHECKING, NamedTuple

from moesif.client.turns import turns_of_loop, turns_of_process

if TYPE_CHECKING:
    import asyncio

    from moesif import _native

#: How much longer than the native side anybody waits, in seconds: it keeps its time, unless it has no thread at all.
_GRACE = 1.0


class Outcome(NamedTuple):
    """What came of a request. ``status`` is 0 where no answer came; ``problem`` is a sentence where not all is well."""

    status: int
    fields: list[tuple[str, str]]
    body: bytes
    problem: str | None


def wait(call: _native.ApiCall) -> Outcome:
    """Make a request and wait for what comes of it. Who interrupts the wait gives the request up."""
    deadline = time.monotonic() + call.patience
    turns = turns_of_process(call.base_uri)
    if not turns.take(call.patience):
        return _NO_TURN
    try:
        return _wait(call, deadline - time.monotonic())
    finally:
        turns.give()


def _wait(call: _native.ApiCall, seconds: float) -> Outcome:
    if seconds <= 0:
        return _NO_TURN
    try:
        descriptor = call.begin(seconds)
    except OSError as error:
        return _unsent(str(error))
    with socket.socket(fileno=descriptor) as bell:
        bell.settimeout(seconds + _GRACE)
        try:
            bell.recv(1)
        except TimeoutError:
            call.abandon()
        except BaseException:
            call.abandon()
            raise
    return _outcome(call)


async def wait_async(call: _native.ApiCall) -> Outcome:
    """Make a request and wait on the running event loop. Who cancels the wait gives the request up."""
    import asyncio  # noqa: PLC0415 - it takes long to import, and few programs that import this need it

    loop = asyncio.get_running_loop()
    turns = turns_of_loop(loop, call.base_uri)
    deadline = time.monotonic() + call.patience
    if not await turns.take(loop, call.patience):
        return _NO_TURN
    try:
        return await _wait_async(call, deadline - time.monotonic(), loop)
    finally:
        turns.give()


async def _wait_async(call: _native.ApiCall, seconds: float, loop: asyncio.AbstractEventLoop) -> Outcome:
    import asyncio  # noqa: PLC0415 - as above

    if seconds <= 0:
        return _NO_TURN
    try:
        descriptor = call.begin(seconds)
    except OSError as error:
        return _unsent(str(error))
    with socket.socket(fileno=descriptor) as bell:
        bell.setblocking(False)  # noqa: FBT003 - it takes nothing but a position
        try:
            await asyncio.wait_for(loop.sock_recv(bell, 1), seconds + _GRACE)
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


def _unsent(why: str) -> Outcome:
    return Outcome(0, [], b"", f"never sent: {why}")


_NO_TURN = _unsent("other requests were under way")
