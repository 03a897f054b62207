"""The import path ``moesifapi.models.status_model``."""

from moesif.models import BaseModel, StatusModel

__all__ = [
    "BaseModel",
    "StatusModel",
]
