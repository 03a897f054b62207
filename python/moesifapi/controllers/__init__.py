"""The import path ``moesifapi.controllers``."""

from moesif.client import ApiController, BaseController, HealthController

__all__ = ["ApiController", "BaseController", "HealthController"]
