"""The import path ``moesifapi.controllers.base_controller``."""

from moesif.client import BaseController

__all__ = ["BaseController"]
