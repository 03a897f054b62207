"""The import path ``moesifapi.update_users``."""

from moesif.client.legacy import User

__all__ = ["User"]
