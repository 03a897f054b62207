"""The import path ``moesifapi.models``."""

import uuid

from moesif.client.legacy.third_party import offer
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
from moesifapi.models import (
    base_model,
    campaign_model,
    company_model,
    event_model,
    event_request_model,
    event_response_model,
    status_model,
    subscription_model,
    user_model,
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
    "base_model",
    "campaign_model",
    "company_model",
    "event_model",
    "event_request_model",
    "event_response_model",
    "status_model",
    "subscription_model",
    "user_model",
    "uuid",
]

offer(__name__, "dateutil")
