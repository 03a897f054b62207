"""The call that is being served, so that outgoing calls can be linked to it.

The native module sets the variable while the application serves a call, but only if outgoing calls are captured.
"""

from __future__ import annotations

from contextlib import suppress
from contextvars import ContextVar
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from contextvars import Token

    from moesif import _native

__all__ = ["SERVING", "leave"]

#: Threads and tasks that are started meanwhile get a copy, which may outlive the call: see ``has_ended``.
SERVING: ContextVar[_native.ServedCall | None] = ContextVar("moesif_serving", default=None)


def leave(token: Token[_native.ServedCall | None] | None) -> None:
    """Undo, in this context, the ``enter`` that returned the token."""
    if token is not None:
        # Raised in another context than the one it was set in. There is nothing to reset there.
        with suppress(ValueError):
            SERVING.reset(token)
