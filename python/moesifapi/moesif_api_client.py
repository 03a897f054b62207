"""The import path ``moesifapi.moesif_api_client``, with everything existing code gets from it by a star."""

from moesif.client import ApiController, MoesifAPIClient
from moesifapi import models
from moesifapi.models import *  # noqa: F403 - the names are kept in one place

__all__ = ["ApiController", "MoesifAPIClient"]
__all__ += models.__all__
