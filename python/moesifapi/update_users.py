"""The import path ``moesifapi.update_users``."""

from moesif.client.legacy.updates import User

__all__ = ["User"]
