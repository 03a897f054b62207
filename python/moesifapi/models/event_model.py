"""The import path ``moesifapi.models.event_model``."""

from moesif.models import EventModel

__all__ = ["EventModel"]
