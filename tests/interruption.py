"""Exceptions that a signal handler raises into the code that is running."""

from __future__ import annotations

import functools
import signal
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

TOO_LATE = "the time is up"


def _raise() -> NoReturn:
    raise TimeoutError(TOO_LATE)


def _handler(_number: int, _frame: object) -> NoReturn:
    raise TimeoutError(TOO_LATE)


class TimeLimit(Exception):  # noqa: N818 - it is a limit
    """A time limit that HTTP libraries do not take for one of their own."""


def handle_with_time_limit(_number: int, _frame: object) -> NoReturn:
    raise TimeLimit


def _handler_without_arguments(number: int, frame: object) -> NoReturn:
    del number, frame
    raise TimeoutError(TOO_LATE)


def _handler_with_other_arguments(number: int, frame: object) -> NoReturn:
    number = frame = None  # type: ignore[assignment] # noqa: F841
    _raise()


def _logged(function: Callable[[int, Any], object]) -> Callable[[int, Any], object]:
    @functools.wraps(function)
    def wrapper(number: int, frame: object) -> object:
        arguments, number, frame = (number, frame), 0, None
        return function(*arguments)

    return wrapper


class _Limit:
    def handler(self, _number: int, _frame: object) -> NoReturn:
        _raise()

    def __call__(self, number: int, frame: object) -> NoReturn:
        del number, frame
        _raise()


#: Handlers that raise ``TimeoutError(TOO_LATE)``.
HANDLERS: dict[str, Callable[[int, Any], object]] = {
    "function": _handler,
    "method that calls a function": _Limit().handler,
    "any arguments": lambda *_arguments: _raise(),
    "deletes its arguments": _handler_without_arguments,
    "overwrites its arguments": _handler_with_other_arguments,
    "partial that deletes its arguments": functools.partial(_handler_without_arguments),
    "decorated, and deletes its arguments": _logged(_handler_without_arguments),
    "object that deletes its arguments": _Limit(),
}


@contextmanager
def handling(handler: Callable[[int, Any], object]) -> Iterator[None]:
    """Set a handler for ``SIGUSR1`` meanwhile."""
    before = signal.signal(signal.SIGUSR1, handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGUSR1, before)


def interrupt(handler: Callable[[int, Any], object] = _handler) -> None:
    """Have a signal handler called here, in the middle of the caller's work. It is not set any more afterwards."""
    with handling(handler):
        signal.raise_signal(signal.SIGUSR1)
