"""The import path ``moesifapi.controllers.health_controller``."""

import logging

from moesif.client import (
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
from moesifapi.controllers.base_controller import logger
from moesifapi.exceptions import api_exception

__all__ = [
    "APIException",
    "APIHelper",
    "BaseController",
    "Configuration",
    "HealthController",
    "HttpContext",
    "HttpRequest",
    "HttpResponse",
    "RequestsClient",
    "StatusModel",
    "api_exception",
    "logger",
    "logging",
]
