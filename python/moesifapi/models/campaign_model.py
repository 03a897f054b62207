"""The import path ``moesifapi.models.campaign_model``."""

from moesif.models import BaseModel, CampaignModel

__all__ = [
    "BaseModel",
    "CampaignModel",
]
