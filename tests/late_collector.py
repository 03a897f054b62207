"""Takes, at the end of a test run, what the middlewares of this process still have to deliver.

The collectors of tests end with their test. Events of a middleware may be left: the test did not wait for them, or its
collector failed on purpose. This module listens on the ports of all those collectors, until the process ends.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import resource
import threading
from typing import TYPE_CHECKING

import moesif
from tests import ports

if TYPE_CHECKING:
    from collections.abc import Iterable

#: Each attempt ends the pauses of the circuit breakers.
ATTEMPTS = 30
#: Keeps the servers alive until the process ends.
_servers: list[asyncio.Server] = []


def deliver_the_rest() -> None:
    """Deliver every event of this process. Raises ``AssertionError`` if that fails."""
    if moesif.flush(0):
        return
    _raise_limit_of_descriptors()
    threading.Thread(target=lambda: asyncio.run(_serve(ports.collectors())), daemon=True).start()
    if not any(moesif.flush(1) for _ in range(ATTEMPTS)):
        message = f"events are left at the end of the tests: {moesif.stats()}"
        raise AssertionError(message)


def _raise_limit_of_descriptors() -> None:
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


async def _serve(numbers: Iterable[int]) -> None:
    """Listen on the ports, for ever."""
    for number in numbers:
        await _listen(number)
    await asyncio.Event().wait()


async def _listen(number: int) -> None:
    try:
        _servers.append(await asyncio.start_server(_answer, "127.0.0.1", number))
    except OSError as error:
        # A collector that still runs, or another program, has the port.
        if error.errno != errno.EADDRINUSE:
            raise


async def _answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Accept every document."""
    with contextlib.suppress(OSError, asyncio.IncompleteReadError):
        while head := await reader.readuntil(b"\r\n\r\n"):
            line, *fields = head.decode("latin-1").lower().split("\r\n")
            lengths = [field.partition(":")[2] for field in fields if field.startswith("content-length:")]
            await reader.readexactly(int(lengths[0]) if lengths else 0)
            status, body = ("201 Created", b"{}") if line.startswith("post") else ("200 OK", b"{}")
            if "/v1/rules " in line:
                body = b"[]"
            writer.write(f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)
            await writer.drain()
    writer.close()
