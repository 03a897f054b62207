"""The import path ``moesifapi.models.event_response_model``."""

from moesif.models import EventResponseModel

__all__ = ["EventResponseModel"]
