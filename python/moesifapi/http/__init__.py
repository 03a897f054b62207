"""The import path ``moesifapi.http``."""

from moesif.client import (
    APIException,
    Configuration,
    HttpCallBack,
    HttpClient,
    HttpContext,
    HttpMethodEnum,
    HttpRequest,
    HttpResponse,
)
from moesif.client.legacy.requests_client import RequestsClient, refresh_session
from moesif.client.legacy.third_party import offer
from moesifapi.http import (
    http_call_back,
    http_client,
    http_context,
    http_method_enum,
    http_request,
    http_response,
    requests_client,
)

__all__ = [
    "APIException",
    "Configuration",
    "HttpCallBack",
    "HttpClient",
    "HttpContext",
    "HttpMethodEnum",
    "HttpRequest",
    "HttpResponse",
    "RequestsClient",
    "http_call_back",
    "http_client",
    "http_context",
    "http_method_enum",
    "http_request",
    "http_response",
    "refresh_session",
    "requests_client",
]

offer(__name__, "HTTPAdapter", "Retry", "requests")
