"""The import path ``moesifapi.decorators``."""

from moesif.lazy import lazy_property

__all__ = ["lazy_property"]
