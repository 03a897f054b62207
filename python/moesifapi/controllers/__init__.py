"""The import path ``moesifapi.controllers``."""

import gzip
import logging

from moesif.client import (
    ApiController,
    APIException,
    BaseController,
    Configuration,
    HealthController,
    HttpContext,
    HttpRequest,
    HttpResponse,
)
from moesif.client.legacy.api_helper import APIHelper
from moesif.client.legacy.requests_client import RequestsClient
from moesif.models import StatusModel
from moesifapi.controllers import api_controller, base_controller, health_controller
from moesifapi.controllers.base_controller import logger
from moesifapi.exceptions import api_exception

__all__ = [
    "APIException",
    "APIHelper",
    "ApiController",
    "BaseController",
    "Configuration",
    "HealthController",
    "HttpContext",
    "HttpRequest",
    "HttpResponse",
    "RequestsClient",
    "StatusModel",
    "api_controller",
    "api_exception",
    "base_controller",
    "gzip",
    "health_controller",
    "logger",
    "logging",
]
