"""The import path ``moesifdjango.middleware_pre19``, for ``MIDDLEWARE_CLASSES``."""

from moesif.django import MoesifMiddlewarePre19

__all__ = ["MoesifMiddlewarePre19"]
