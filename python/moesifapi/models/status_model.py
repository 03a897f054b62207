"""The import path ``moesifapi.models.status_model``."""

from moesif.models import StatusModel

__all__ = ["StatusModel"]
