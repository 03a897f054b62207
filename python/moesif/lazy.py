"""A property that is computed on first access and then kept. It takes no lock.

``functools.cached_property`` takes a lock up to Python 3.11. After a fork the child could inherit that lock
while a thread of the parent held it, and would wait forever (docs/guarantees.md, I-4).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, TypeVar, overload

if TYPE_CHECKING:
    from collections.abc import Callable

    from typing_extensions import Self

T = TypeVar("T")


class lazy_property(Generic[T]):  # noqa: N801 - a decorator, like ``property``
    """Stores the result of the method in the object's ``__dict__``.

    Threads that race may each call the method. All of them get the result that was stored first.
    """

    def __init__(self, compute: Callable[[Any], T]) -> None:
        """Wrap a method that takes no arguments."""
        self._compute = compute
        self.__doc__ = compute.__doc__

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    @overload
    def __get__(self, instance: None, owner: type) -> Self: ...

    @overload
    def __get__(self, instance: object, owner: type) -> T: ...

    def __get__(self, instance: object | None, owner: type) -> Self | T:
        if instance is None:
            return self
        value: T = vars(instance).setdefault(self._name, self._compute(instance))
        return value
