"""The import path ``moesifapi.controllers.api_controller``."""

from moesif.client import ApiController

__all__ = ["ApiController"]
