"""Exceptions that a signal handler raises into the code that is running."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    from collections.abc import Callable

TOO_LATE = "the time is up"


def _raise() -> NoReturn:
    raise TimeoutError(TOO_LATE)


def _handler(_number: int, _frame: object) -> NoReturn:
    raise TimeoutError(TOO_LATE)


class TimeLimit(Exception):  # noqa: N818 - it is a limit
    """A time limit that HTTP libraries do not take for one of their own."""


def handle_with_time_limit(_number: int, _frame: object) -> NoReturn:
    raise TimeLimit


class _Limit:
    def handler(self, _number: int, _frame: object) -> NoReturn:
        _raise()


#: Handlers that raise ``TimeoutError(TOO_LATE)``.
HANDLERS: dict[str, Callable[[int, Any], object]] = {
    "function": _handler,
    "method that calls a function": _Limit().handler,
    "any arguments": lambda *_arguments: _raise(),
}


def interrupt(handler: Callable[[int, Any], object] = _handler) -> None:
    """Have a signal handler called here, in the middle of the caller's work."""
    before = signal.signal(signal.SIGUSR1, handler)
    try:
        signal.raise_signal(signal.SIGUSR1)
    finally:
        signal.signal(signal.SIGUSR1, before)
