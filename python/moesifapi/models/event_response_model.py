"""The import path ``moesifapi.models.event_response_model``."""

from moesif.client.legacy.third_party import offer
from moesif.models import BaseModel, EventResponseModel

__all__ = [
    "BaseModel",
    "EventResponseModel",
]

offer(__name__, "dateutil")
