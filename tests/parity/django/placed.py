"""The middleware of either package, where its objects can be found."""

from __future__ import annotations

from typing import Any

from moesifdjango.middleware import moesif_middleware

#: Those that have been made, in order.
MADE: list[Any] = []


def placed(get_response: Any) -> Any:
    middleware: Any = moesif_middleware(get_response)
    MADE.append(middleware)
    # Upstream's: its scheduler sends a batch every two seconds; here it is asked to after each call.
    middleware._create_scheduler_if_needed = lambda: None  # noqa: SLF001
    return middleware
