"""The import path ``moesifapi.models.campaign_model``."""

from moesif.models import CampaignModel

__all__ = ["CampaignModel"]
