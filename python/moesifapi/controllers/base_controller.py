"""The import path ``moesifapi.controllers.base_controller``."""

import logging

from moesif.client import APIException, BaseController, Configuration, HttpContext, HttpRequest, HttpResponse
from moesif.client.legacy.api_helper import APIHelper
from moesif.client.legacy.requests_client import RequestsClient
from moesifapi.exceptions import api_exception

__all__ = [
    "APIException",
    "APIHelper",
    "BaseController",
    "Configuration",
    "HttpContext",
    "HttpRequest",
    "HttpResponse",
    "RequestsClient",
    "api_exception",
    "logger",
    "logging",
]

logger = logging.getLogger(__name__)
