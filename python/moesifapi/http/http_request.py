"""The import path ``moesifapi.http.http_request``."""

from moesif.client import HttpRequest

__all__ = ["HttpRequest"]
