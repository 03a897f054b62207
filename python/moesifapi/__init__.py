"""The import path of the moesifapi package: ``from moesifapi import MoesifAPIClient``."""

import gzip
import json
import logging
import re
import uuid
from urllib.parse import quote

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
from moesif.client.legacy.requests_client import RequestsClient, refresh_session
from moesif.client.legacy.third_party import offer
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
from moesifapi import api_helper, configuration, controllers, decorators, exceptions, http, models, moesif_api_client
from moesifapi.controllers import api_controller, base_controller, health_controller
from moesifapi.controllers.base_controller import logger
from moesifapi.exceptions import api_exception
from moesifapi.http import (
    http_call_back,
    http_client,
    http_context,
    http_method_enum,
    http_request,
    http_response,
    requests_client,
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
    "api_controller",
    "api_exception",
    "api_helper",
    "base_controller",
    "base_model",
    "campaign_model",
    "company_model",
    "configuration",
    "controllers",
    "decorators",
    "event_model",
    "event_request_model",
    "event_response_model",
    "exceptions",
    "gzip",
    "health_controller",
    "http",
    "http_call_back",
    "http_client",
    "http_context",
    "http_method_enum",
    "http_request",
    "http_response",
    "json",
    "lazy_property",
    "logger",
    "logging",
    "models",
    "moesif_api_client",
    "quote",
    "re",
    "refresh_session",
    "requests_client",
    "status_model",
    "subscription_model",
    "user_model",
    "uuid",
]

offer(__name__, "HTTPAdapter", "Retry", "dateutil", "requests")
