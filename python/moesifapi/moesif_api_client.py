"""The import path ``moesifapi.moesif_api_client``, with everything existing code gets from it by a star."""

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
from moesif.client.legacy import (
    APIHelper,
    RequestsClient,
    lazy_property,
)
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
