"""The import path ``moesifapi.http.http_response``."""

from moesif.client import HttpResponse

__all__ = ["HttpResponse"]
