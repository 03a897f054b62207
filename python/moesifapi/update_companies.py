"""The import path ``moesifapi.update_companies``."""

from moesif.client.legacy import Company

__all__ = ["Company"]
