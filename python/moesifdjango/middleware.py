"""The import path ``moesifdjango.middleware``, with the two class names that existing settings use."""

from moesif.django import MoesifMiddleware

__all__ = ["MoesifMiddleware", "moesif_middleware"]

moesif_middleware = MoesifMiddleware
