"""The import path ``moesifapi.exceptions``."""

from moesif.client import APIException

__all__ = ["APIException"]
