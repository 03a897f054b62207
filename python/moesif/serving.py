"""The call that is being served, for the calls the application makes meanwhile.

The compiled module sets the variable while the middleware for WSGI runs the application; that for Django asks it to.
Where outgoing calls are not captured nobody does.
"""

from __future__ import annotations

from contextlib import suppress
from contextvars import ContextVar
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from contextvars import Token

    from moesif import _native

__all__ = ["SERVING", "Destination", "leave"]

#: The base URI of a collector, and the application id.
Destination: TypeAlias = tuple[str, str]

#: What is started meanwhile gets a copy, which may outlive the call: it tells by itself when it has ended.
SERVING: ContextVar[_native.ServedCall | None] = ContextVar("moesif_serving", default=None)


def leave(token: Token[_native.ServedCall | None] | None) -> None:
    """End what returned the token: the call is not being served any more, in this context."""
    if token is not None:
        # In another context than it was set in, the variable has nothing to be reset.
        with suppress(ValueError):
            SERVING.reset(token)
