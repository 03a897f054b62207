"""Failures of recording, which cost a part of the record and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from moesif import _native

if TYPE_CHECKING:
    from types import TracebackType

__all__ = ["ignoring_failures", "part"]


class _IgnoringFailures:
    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> bool:
        return isinstance(error, Exception) and not _native.is_interruption(error)


#: ``with ignoring_failures:`` suppresses each ``Exception``, except one that a time limit has raised into the block.
ignoring_failures = _IgnoringFailures()


def part(thing: object, name: str) -> Any:
    """Return an attribute, ``None`` if it cannot be read: a stand-in for a response may lack what requests has."""
    with ignoring_failures:
        return getattr(thing, name, None)
    return None
