"""The import path ``moesifapi.http.requests_client``."""

from moesif.client.legacy import RequestsClient

__all__ = ["RequestsClient"]
