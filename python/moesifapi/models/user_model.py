"""The import path ``moesifapi.models.user_model``."""

from moesif.client.legacy.third_party import offer
from moesif.models import BaseModel, CampaignModel, UserModel

__all__ = [
    "BaseModel",
    "CampaignModel",
    "UserModel",
]

offer(__name__, "dateutil")
