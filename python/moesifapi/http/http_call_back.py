"""The import path ``moesifapi.http.http_call_back``."""

from moesif.client import HttpCallBack, HttpRequest, HttpResponse

__all__ = [
    "HttpCallBack",
    "HttpRequest",
    "HttpResponse",
]
