"""The import path ``moesifapi.models.company_model``."""

from moesif.client.legacy.third_party import offer
from moesif.models import BaseModel, CampaignModel, CompanyModel

__all__ = [
    "BaseModel",
    "CampaignModel",
    "CompanyModel",
]

offer(__name__, "dateutil")
