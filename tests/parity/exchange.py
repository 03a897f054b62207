"""Data types of the corpora. An exchange is plain data, so that two interpreters can play the same one."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

Environ = dict[str, Any]
#: Key of ``environ`` with the current :class:`Call`, for applications and functions.
CALL = "parity.call"


@dataclass(frozen=True)
class Answer:
    """The response of the application."""

    chunks: tuple[bytes, ...] = (b"ok",)
    headers: tuple[tuple[str, str], ...] = (("Content-Type", "text/plain"),)
    status: str = "200 OK"


@dataclass(frozen=True)
class Exchange:
    """One request, the application's behaviour, and the options of the middleware.

    ``application`` is a function of tests/parity/applications.py that gives the response; ``None`` returns a list.
    """

    #: Unique name. It is part of the path, so that the event can be found.
    name: str
    method: str = "GET"
    body: bytes | None = None
    #: Rest of the path, after the name.
    path: str = ""
    #: Variables to add to ``environ`` or to replace; ``None`` removes one.
    variables: Mapping[str, Any] = field(default_factory=dict)
    answer: Answer = field(default_factory=Answer)
    application: Callable[[Call, Any], Any] | None = None
    #: How the application reads the request body: ``all``, ``length``, ``lines``, ``pieces``, ``half`` or ``none``.
    reads: str = "all"
    #: Number of response chunks that the client reads; ``None`` reads all.
    taken: int | None = None
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass
class Call:
    """An exchange that is being played, and what was observed."""

    exchange: Exchange
    #: Events of the response in order: ``made 0``, ``sent 0``, ``closed``.
    journal: list[str] = field(default_factory=list)
    #: Request body that the application read.
    read: bytes = b""
    #: Number of calls of each function in the options.
    calls: Counter[str] = field(default_factory=Counter)
    #: When the application made its last chunk (seconds since the epoch).
    made_at: float = 0.0
    #: Other observations of the application and of functions.
    notes: dict[str, Any] = field(default_factory=dict)
