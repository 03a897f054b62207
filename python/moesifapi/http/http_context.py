"""The import path ``moesifapi.http.http_context``."""

from moesif.client import HttpContext, HttpRequest, HttpResponse

__all__ = [
    "HttpContext",
    "HttpRequest",
    "HttpResponse",
]
