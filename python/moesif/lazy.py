"""A property that is made when it is first asked for, without a lock.

Up to Python 3.11, ``functools.cached_property`` has one that all objects share: the child of a fork would inherit it
as some thread of its parent held it, and wait for ever (docs/guarantees.md, I-4).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, TypeVar, overload

if TYPE_CHECKING:
    from collections.abc import Callable

    from typing_extensions import Self

T = TypeVar("T")


class made_once(Generic[T]):  # noqa: N801 - a decorator, like ``property``
    """Keeps what the method returns in the object's ``__dict__``. Threads that race may each make one; one is kept."""

    def __init__(self, make: Callable[[Any], T]) -> None:
        """Wrap a method without arguments."""
        self._make = make
        self.__doc__ = make.__doc__

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    @overload
    def __get__(self, instance: None, owner: type) -> Self: ...

    @overload
    def __get__(self, instance: object, owner: type) -> T: ...

    def __get__(self, instance: object | None, owner: type) -> Self | T:
        if instance is None:
            return self
        made: T = vars(instance).setdefault(self._name, self._make(instance))
        return made
