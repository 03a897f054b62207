"""The import path ``moesifapi.decorators``."""

from moesif.client.legacy import lazy_property

__all__ = ["lazy_property"]
