"""The import path ``moesifdjango.middleware``, under both names that settings and documentation use."""

from moesif.django import MoesifMiddleware

__all__ = ["MoesifMiddleware", "moesif_middleware"]

moesif_middleware = MoesifMiddleware
