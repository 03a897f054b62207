"""The import path ``moesifapi.models.base_model``."""

from moesif.models import BaseModel

__all__ = ["BaseModel"]
