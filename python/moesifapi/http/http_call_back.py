"""The import path ``moesifapi.http.http_call_back``."""

from moesif.client import HttpCallBack

__all__ = ["HttpCallBack"]
