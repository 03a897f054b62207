"""The import path ``moesifapi.http.http_context``."""

from moesif.client import HttpContext

__all__ = ["HttpContext"]
