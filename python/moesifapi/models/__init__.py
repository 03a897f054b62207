"""The import path ``moesifapi.models``."""

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
    "BaseModel",
    "CampaignModel",
    "CompanyModel",
    "EventModel",
    "EventRequestModel",
    "EventResponseModel",
    "StatusModel",
    "SubscriptionModel",
    "UserModel",
]
