"""An application that uses up the memory of its process, one way per path, and answers 500 as a framework does.

The memory stays in use until the server drops ``environ``, so the middleware records the call without any. The query
has the size in bytes of the smallest pieces that are taken: the smaller, the less is left. It may also have the number
of bytes that are given back then, after a comma.
"""

from __future__ import annotations

import json
import mmap
import os
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any, NoReturn

import moesif
from moesifwsgi import MoesifMiddleware

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Environ = dict[str, Any]

TEXT = [("Content-Type", "text/plain")]
LARGE = b"e" * 300_000
CHUNKS = 20
ERROR = [b"out of memory"]
ANSWERS = {"answers": [LARGE], "refuses": ERROR, "reads": ERROR, "cookies": ERROR}
#: Functions get repeated headers in one piece, which is too large for the reserve.
COOKIES = [("Set-Cookie", letter * 40_000) for letter in "ab"]


def exhaust(environ: Environ) -> NoReturn:
    """Take memory until there is only one piece left, then raise ``MemoryError``."""
    held: list[Any] = []
    environ["held"] = held
    # Address space first: it costs no time, because nothing writes to it.
    take(held, partial(mmap.mmap, -1), 16 << 20, mmap.PAGESIZE)
    smallest, _, returned = environ["QUERY_STRING"].partition(",")
    take(held, bytearray, 1 << 20, int(smallest))
    free = len(held.pop())
    while free < int(returned or 0):
        free += len(held.pop())
    raise MemoryError


def take(held: list[Any], allocate: Callable[[int], object], largest: int, smallest: int) -> None:
    """Take pieces of halving sizes until none is left."""
    size = largest
    while size >= smallest:
        with suppress(MemoryError, OSError):
            while True:
                held.append(allocate(size))
        size //= 2


def bare(environ: Environ, start_response: Any) -> Any:
    """Run the behaviour that the path names."""
    path = environ["PATH_INFO"].strip("/")
    if path in ("fine", "stats"):
        start_response("200 OK", TEXT)
        return [json.dumps({**moesif.stats(), "pid": os.getpid()}).encode() if path == "stats" else b"fine"]
    if path == "waits":
        return _stream_without_memory(start_response)
    if path == "raises":
        exhaust(environ)
    if path == "streams":
        return _stream(environ, start_response)
    try:
        if path == "reads":
            environ["wsgi.input"].read(1000)
        exhaust(environ)
    except MemoryError:
        if path == "reads":
            _read_on(environ)
        start_response("500 Internal Server Error", TEXT + COOKIES if path == "cookies" else TEXT)
        return ANSWERS[path]


def _read_on(environ: Environ) -> None:
    """Read as much of the body as there is memory for."""
    with suppress(MemoryError):
        while environ["wsgi.input"].read(100):
            pass


def _stream_without_memory(start_response: Any) -> Iterator[bytes]:
    start_response("200 OK", TEXT)
    yield LARGE


def _stream(environ: Environ, start_response: Any) -> Iterator[bytes]:
    start_response("200 OK", TEXT)
    yield b"first"
    try:
        exhaust(environ)
    except MemoryError:
        for _ in range(CHUNKS):
            yield LARGE


class _Everything:
    """Functions of the settings."""

    def __init__(self, token_length: int) -> None:
        self.settings = {
            "SKIP": lambda _app, _environ: False,
            "IDENTIFY_USER": lambda _app, environ, _headers: environ.get("HTTP_HOST"),
            "IDENTIFY_COMPANY": lambda _app, _environ, headers: str(len(headers)),
            "GET_METADATA": lambda _app, environ: {"path": environ["PATH_INFO"], "list": ["x" * 100] * 20},
            "GET_SESSION_TOKEN": lambda _app, _environ: "t" * token_length,
            "MASK_EVENT_MODEL": lambda event: event,
        }


app = MoesifMiddleware(
    bare, _Everything(int(os.environ["TOKEN_LENGTH"])).settings if "TOKEN_LENGTH" in os.environ else {}
)
