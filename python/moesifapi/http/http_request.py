"""The import path ``moesifapi.http.http_request``."""

from moesif.client import HttpMethodEnum, HttpRequest

__all__ = [
    "HttpMethodEnum",
    "HttpRequest",
]
