"""The import path ``moesifwsgi.middleware``."""

from moesif.client import MoesifAPIClient
from moesif.wsgi import MoesifMiddleware

__all__ = ["MoesifAPIClient", "MoesifMiddleware"]
