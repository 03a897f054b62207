"""The import path ``moesifapi.models.user_model``."""

from moesif.models import UserModel

__all__ = ["UserModel"]
