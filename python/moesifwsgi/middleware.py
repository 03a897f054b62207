"""The import path ``moesifwsgi.middleware``."""

from moesif.wsgi import MoesifMiddleware

__all__ = ["MoesifMiddleware"]
