"""The import path ``moesifapi.models.event_request_model``."""

from moesif.models import EventRequestModel

__all__ = ["EventRequestModel"]
