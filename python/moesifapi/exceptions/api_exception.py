"""The import path ``moesifapi.exceptions.api_exception``."""

from moesif.client import APIException

__all__ = ["APIException"]
