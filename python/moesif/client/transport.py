"""Executes requests on the native threads, and waits for their outcome on a socket.

The wait is on a Python socket. So other greenlets run meanwhile if gevent or eventlet has patched ``socket``,
an event loop can wait for it, and signal handlers run at once.

A request starts only after its semaphore is acquired, because each request in progress holds two file
descriptors.
"""

from __future__ import annotations

import socket
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Literal, NamedTuple

from moesif import _native
from moesif.client.semaphores import task_semaphore, thread_semaphore

if TYPE_CHECKING:
    from collections.abc import Iterator

#: Seconds that Python waits longer than the native side, which keeps the timeout itself unless it has no
#: thread at all.
_GRACE_PERIOD = 1.0


class Outcome(NamedTuple):
    """The outcome of a request.

    ``status`` is 0 if no answer came. ``problem`` is a sentence if something went wrong. ``fields`` are the
    header fields of the answer. ``cause`` is set if no answer came because the TLS certificate was not accepted (that
    of an authority has a cause of its own), or because the server's TLS or the proxy refused the connection.
    """

    status: int
    fields: list[tuple[str, str]]
    body: bytes
    problem: str | None
    cause: Literal["certificate", "authority certificate", "tls", "proxy"] | None = None


class _NotSentError(Exception):
    """The request was not started."""


_NO_PERMIT = "other requests were under way"


def execute(call: _native.ApiCall) -> Outcome:
    """Send a request and wait for its outcome. If the wait is interrupted, no further attempt is made."""
    deadline = time.monotonic() + call.timeout
    semaphore = thread_semaphore(call.base_uri)
    if not semaphore.acquire(call.timeout):
        return _not_sent(_NO_PERMIT)
    try:
        with _started(call, deadline) as (readable, timeout):
            readable.settimeout(timeout)
            readable.recv(1)
    except _NotSentError as error:
        return _not_sent(str(error))
    except TimeoutError as error:
        _raise_unless_own(error, deadline)
    finally:
        semaphore.release()
    return _outcome(call)


async def execute_async(call: _native.ApiCall) -> Outcome:
    """Send a request and wait for its outcome on the running event loop.

    If the wait is cancelled, no further attempt is made.
    """
    import asyncio  # noqa: PLC0415 - importing it is slow, and most programs that import this module do not need it

    loop = asyncio.get_running_loop()
    semaphore = task_semaphore(loop, call.base_uri)
    deadline = time.monotonic() + call.timeout
    if not await semaphore.acquire(loop, call.timeout):
        return _not_sent(_NO_PERMIT)
    try:
        with _started(call, deadline) as (readable, timeout):
            readable.setblocking(False)  # noqa: FBT003 - the parameter is positional only
            await asyncio.wait_for(loop.sock_recv(readable, 1), timeout)
    except _NotSentError as error:
        return _not_sent(str(error))
    except asyncio.TimeoutError as error:
        _raise_unless_own(error, deadline)
    finally:
        semaphore.release()
    return _outcome(call)


@contextmanager
def _started(call: _native.ApiCall, deadline: float) -> Iterator[tuple[socket.socket, float]]:
    """Start a request. If the block raises, the request is abandoned.

    Yields a socket that becomes readable when there is an outcome, and how many seconds to wait for that.

    Raises ``_NotSentError`` if the deadline has passed or there are no file descriptors.
    """
    seconds = deadline - time.monotonic()
    if seconds <= 0:
        raise _NotSentError(_NO_PERMIT)
    try:
        descriptor = call.begin(seconds)
    except OSError as error:
        if _native.is_interruption(error):
            raise
        raise _NotSentError(str(error)) from error
    with socket.socket(fileno=descriptor) as readable:
        try:
            yield readable, seconds + _GRACE_PERIOD
        except BaseException:
            call.abandon()
            raise


def _raise_unless_own(error: Exception, deadline: float) -> None:
    """Raise a timeout again that is not the one of the wait, but a time limit of the application.

    That of the wait comes later than the deadline, by the grace period.
    """
    if time.monotonic() < deadline or _native.is_interruption(error):
        raise error


def _outcome(call: _native.ApiCall) -> Outcome:
    return call.outcome() or Outcome(0, [], b"", f"no answer came within {call.timeout:g} s")


def _not_sent(reason: str) -> Outcome:
    return Outcome(0, [], b"", f"never sent: {reason}")
