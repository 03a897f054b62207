"""The import path ``moesifapi.configuration``."""

from moesif.client import Configuration

__all__ = ["Configuration"]
