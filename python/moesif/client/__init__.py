"""Clients for the API of a collector. They need no middleware.

``MoesifAPIClient`` is the client of moesifapi. ``AsyncClient`` has the same calls for asyncio. Both retry
failed requests, within the timeout of their configuration.
"""

from moesif.client.asynchronous import AsyncClient
from moesif.client.configuration import Configuration
from moesif.client.controllers import ApiController, BaseController, HealthController, MoesifAPIClient
from moesif.client.errors import APIConnectionError, APIException
from moesif.client.http import HttpCallBack, HttpClient, HttpContext, HttpMethodEnum, HttpRequest, HttpResponse

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
