"""The API of a collector: for programs that tell it something, or ask it, themselves.

``MoesifAPIClient`` is moesifapi's; ``AsyncClient`` makes the same calls from asyncio. Both retry as delivery does,
within a time the caller knows, and neither needs a middleware.
"""

from moesif.client.asynchronous import AsyncClient
from moesif.client.configuration import Configuration
from moesif.client.controllers import ApiController, BaseController, HealthController, MoesifAPIClient
from moesif.client.exchange import (
    APIConnectionError,
    APIException,
    HttpCallBack,
    HttpClient,
    HttpContext,
    HttpMethodEnum,
    HttpRequest,
    HttpResponse,
)

__all__ = [
    "APIConnectionError",
    "APIException",
    "ApiController",
    "AsyncClient",
    "BaseController",
    "Configuration",
    "HealthController",
    "HttpCallBack",
    "HttpClient",
    "HttpContext",
    "HttpMethodEnum",
    "HttpRequest",
    "HttpResponse",
    "MoesifAPIClient",
]
