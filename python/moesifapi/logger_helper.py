"""The import path ``moesifapi.logger_helper``."""

import os

from moesif.client.legacy.logger_helper import LoggerHelper

__all__ = ["LoggerHelper", "os"]
