"""The import path ``moesifapi.models.base_model``."""

import datetime  # noqa: ICN001 - the name of moesifapi

from moesif.models import BaseModel

__all__ = [
    "BaseModel",
    "datetime",
]
