"""The middleware in the form Django had before 1.10, for ``MIDDLEWARE_CLASSES``."""

from __future__ import annotations

from moesif.django.middleware import MoesifMiddleware

__all__ = ["MoesifMiddlewarePre19"]


class MoesifMiddlewarePre19(MoesifMiddleware):
    """``MoesifMiddleware`` under its older name. Either works in ``MIDDLEWARE_CLASSES``."""
