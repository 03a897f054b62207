"""What an exchange of the corpus is made of: data, so that two interpreters can play the same one."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

Environ = dict[str, Any]
#: The key of ``environ`` under which applications and functions find the :class:`Call` they are in.
CALL = "parity.call"


@dataclass(frozen=True)
class Answer:
    """What the application answers."""

    chunks: tuple[bytes, ...] = (b"ok",)
    headers: tuple[tuple[str, str], ...] = (("Content-Type", "text/plain"),)
    status: str = "200 OK"


@dataclass(frozen=True)
class Exchange:
    """One request, what the application does with it, and the options of the middleware between them.

    ``application`` is how the answer is given (tests/parity/applications.py); ``None`` gives it as a list.
    """

    #: Unique; stands in the path, so that the event can be told from others.
    name: str
    method: str = "GET"
    body: bytes | None = None
    #: What follows the name in the path.
    path: str = ""
    #: Variables of ``environ`` beside or instead of the usual ones; ``None`` takes one away.
    variables: Mapping[str, Any] = field(default_factory=dict)
    answer: Answer = field(default_factory=Answer)
    application: Callable[[Call, Any], Any] | None = None
    #: How the application reads the request body: ``all``, ``length``, ``lines``, ``pieces``, ``half`` or ``none``.
    reads: str = "all"
    #: How many chunks of the response the client takes before it leaves; ``None`` takes them all.
    taken: int | None = None
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass
class Call:
    """An exchange while it is played, and what was seen of it."""

    exchange: Exchange
    #: What happened to the response, in order: ``made 0``, ``sent 0``, ``closed``.
    journal: list[str] = field(default_factory=list)
    #: What the application read of the request.
    read: bytes = b""
    #: How often each function of the options was called.
    calls: Counter[str] = field(default_factory=Counter)
    #: When the application had made its last chunk (seconds since the epoch).
    made_at: float = 0.0
    #: Whatever the application or a function wants known.
    notes: dict[str, Any] = field(default_factory=dict)
