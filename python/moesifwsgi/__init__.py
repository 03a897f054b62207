"""The import path of the moesifwsgi package: ``from moesifwsgi import MoesifMiddleware``."""

from moesif.client import MoesifAPIClient
from moesif.wsgi import MoesifMiddleware

__all__ = ["MoesifAPIClient", "MoesifMiddleware"]
