"""The import path ``moesifapi.api_helper``."""

from moesif.client.legacy import APIHelper

__all__ = ["APIHelper"]
