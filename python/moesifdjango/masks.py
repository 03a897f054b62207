"""The import path ``moesifdjango.masks``."""

from moesif.django import MaskData

__all__ = ["MaskData"]
