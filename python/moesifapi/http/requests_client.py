"""The import path ``moesifapi.http.requests_client``."""

from moesif.client import Configuration, HttpClient, HttpMethodEnum, HttpResponse
from moesif.client.legacy.requests_client import RequestsClient, refresh_session
from moesif.client.legacy.third_party import offer

__all__ = [
    "Configuration",
    "HttpClient",
    "HttpMethodEnum",
    "HttpResponse",
    "RequestsClient",
    "refresh_session",
]

offer(__name__, "HTTPAdapter", "Retry", "requests")
