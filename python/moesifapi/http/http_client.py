"""The import path ``moesifapi.http.http_client``."""

from moesif.client import APIException, HttpClient, HttpMethodEnum, HttpRequest, HttpResponse

__all__ = [
    "APIException",
    "HttpClient",
    "HttpMethodEnum",
    "HttpRequest",
    "HttpResponse",
]
