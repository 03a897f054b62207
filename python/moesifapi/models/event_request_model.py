"""The import path ``moesifapi.models.event_request_model``."""

from moesif.client.legacy.third_party import offer
from moesif.models import BaseModel, EventRequestModel

__all__ = [
    "BaseModel",
    "EventRequestModel",
]

offer(__name__, "dateutil")
