"""The import path ``moesifapi.controllers.api_controller``."""

from moesif.client import ApiController, APIException, Configuration
from moesif.client.legacy.api_helper import APIHelper

__all__ = ["APIException", "APIHelper", "ApiController", "Configuration"]
