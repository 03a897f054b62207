"""The import path ``moesifapi.update_companies``."""

import json
import logging
import re
import uuid
from urllib.parse import quote

from moesif.client import APIException
from moesif.client.legacy.api_helper import APIHelper
from moesif.client.legacy.logger_helper import LoggerHelper
from moesif.client.legacy.third_party import offer
from moesif.client.legacy.updates import Company
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
    "APIException",
    "APIHelper",
    "BaseModel",
    "CampaignModel",
    "Company",
    "CompanyModel",
    "EventModel",
    "EventRequestModel",
    "EventResponseModel",
    "LoggerHelper",
    "StatusModel",
    "SubscriptionModel",
    "UserModel",
    "base_model",
    "campaign_model",
    "company_model",
    "event_model",
    "event_request_model",
    "event_response_model",
    "json",
    "logger",
    "logging",
    "quote",
    "re",
    "status_model",
    "subscription_model",
    "user_model",
    "uuid",
]

logger = logging.getLogger(__name__)

offer(__name__, "dateutil")
