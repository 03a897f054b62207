"""The import path ``moesifapi.http``."""

from moesif.client import HttpCallBack, HttpClient, HttpContext, HttpMethodEnum, HttpRequest, HttpResponse
from moesif.client.legacy.requests_client import RequestsClient

__all__ = [
    "HttpCallBack",
    "HttpClient",
    "HttpContext",
    "HttpMethodEnum",
    "HttpRequest",
    "HttpResponse",
    "RequestsClient",
]
