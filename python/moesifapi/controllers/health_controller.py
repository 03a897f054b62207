"""The import path ``moesifapi.controllers.health_controller``."""

from moesif.client import HealthController

__all__ = ["HealthController"]
