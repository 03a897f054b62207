"""The import path of the moesifwsgi package: ``from moesifwsgi import MoesifMiddleware``."""

from moesif.wsgi import MoesifMiddleware

__all__ = ["MoesifMiddleware"]
