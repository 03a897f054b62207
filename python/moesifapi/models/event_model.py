"""The import path ``moesifapi.models.event_model``."""

import uuid

from moesif.models import BaseModel, EventModel, EventRequestModel, EventResponseModel

__all__ = [
    "BaseModel",
    "EventModel",
    "EventRequestModel",
    "EventResponseModel",
    "uuid",
]
