"""The import path ``moesifapi.moesif_api_client``. ``from ... import *`` provides the same names as with moesifapi."""

from moesif.client import (
    ApiController,
    APIException,
    BaseController,
    Configuration,
    HealthController,
    HttpCallBack,
    HttpClient,
    HttpContext,
    HttpMethodEnum,
    HttpRequest,
    HttpResponse,
    MoesifAPIClient,
)
from moesif.client.legacy.api_helper import APIHelper
from moesif.client.legacy.requests_client import RequestsClient
from moesif.lazy import lazy_property
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
    "APIException",
    "APIHelper",
    "ApiController",
    "BaseController",
    "BaseModel",
    "CampaignModel",
    "CompanyModel",
    "Configuration",
    "EventModel",
    "EventRequestModel",
    "EventResponseModel",
    "HealthController",
    "HttpCallBack",
    "HttpClient",
    "HttpContext",
    "HttpMethodEnum",
    "HttpRequest",
    "HttpResponse",
    "MoesifAPIClient",
    "RequestsClient",
    "StatusModel",
    "SubscriptionModel",
    "UserModel",
    "lazy_property",
]
