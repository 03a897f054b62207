"""The import path ``moesifapi.http.requests_client``."""

from moesif.client.legacy.requests_client import RequestsClient

__all__ = ["RequestsClient"]
