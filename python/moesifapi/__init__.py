"""The import path of the moesifapi package: ``from moesifapi import MoesifAPIClient``."""

from moesif.client import ApiController, MoesifAPIClient
from moesif.models import (
    BaseModel,
    CampaignModel,
    CompanyModel,
    EventModel,
    EventRequestModel,
    EventResponseModel,
    StatusModel,
    SubscriptionModel,
    UserModel,
)

__all__ = [
    "ApiController",
    "BaseModel",
    "CampaignModel",
    "CompanyModel",
    "EventModel",
    "EventRequestModel",
    "EventResponseModel",
    "MoesifAPIClient",
    "StatusModel",
    "SubscriptionModel",
    "UserModel",
]
