"""The import path of the moesifapi package: ``from moesifapi import MoesifAPIClient``."""

from moesifapi import moesif_api_client
from moesifapi.moesif_api_client import *  # noqa: F403 - it exports the names of this package

__all__ = []
__all__ += moesif_api_client.__all__
