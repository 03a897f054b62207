"""The import path ``moesifapi.exceptions``."""

from moesif.client import APIException
from moesifapi.exceptions import api_exception

__all__ = [
    "APIException",
    "api_exception",
]
