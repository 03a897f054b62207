"""The import path ``moesifapi.update_companies``."""

from moesif.client.legacy.updates import Company

__all__ = ["Company"]
