"""The import path ``moesifapi.api_helper``."""

import json
import re
from urllib.parse import quote

from moesif.client.legacy.api_helper import APIHelper
from moesif.models import BaseModel

__all__ = [
    "APIHelper",
    "BaseModel",
    "json",
    "quote",
    "re",
]
