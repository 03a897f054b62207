"""The import path ``moesifapi.controllers.api_controller``."""

import gzip
import logging

from moesif.client import (
    ApiController,
    APIException,
    BaseController,
    Configuration,
    HttpContext,
    HttpRequest,
    HttpResponse,
)
from moesif.client.legacy.api_helper import APIHelper
from moesif.client.legacy.requests_client import RequestsClient
from moesifapi.controllers.base_controller import logger
from moesifapi.exceptions import api_exception

__all__ = [
    "APIException",
    "APIHelper",
    "ApiController",
    "BaseController",
    "Configuration",
    "HttpContext",
    "HttpRequest",
    "HttpResponse",
    "RequestsClient",
    "api_exception",
    "gzip",
    "logger",
    "logging",
]
