"""The import path ``moesifapi.http.http_client``."""

from moesif.client import HttpClient

__all__ = ["HttpClient"]
