"""Makes the middleware of the installed package and keeps the objects, so that the driver can find them."""

from __future__ import annotations

from typing import Any

from moesifdjango.middleware import moesif_middleware

#: All middlewares that were made, in order.
MADE: list[Any] = []


def placed(get_response: Any) -> Any:
    middleware: Any = moesif_middleware(get_response)
    MADE.append(middleware)
    # Upstream's scheduler sends a batch every two seconds. The driver sends one after each call instead.
    middleware._create_scheduler_if_needed = lambda: None  # noqa: SLF001
    return middleware
