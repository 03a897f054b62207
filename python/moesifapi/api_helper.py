"""The import path ``moesifapi.api_helper``."""

from moesif.client.legacy.api_helper import APIHelper

__all__ = ["APIHelper"]
