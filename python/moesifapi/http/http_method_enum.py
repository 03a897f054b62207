"""The import path ``moesifapi.http.http_method_enum``."""

from moesif.client import HttpMethodEnum

__all__ = ["HttpMethodEnum"]
