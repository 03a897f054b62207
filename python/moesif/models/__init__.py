"""The documents of the collector's API as plain Python objects.

Every attribute is mutable and may be ``None``; constructors take everything by position or name, in the order of the
attributes. ``to_dictionary()`` and ``from_dictionary()`` convert to and from the names of the API.
"""

from moesif.models.base import BaseModel
from moesif.models.event import EventModel, EventRequestModel, EventResponseModel, Headers
from moesif.models.profile import CampaignModel, CompanyModel, SubscriptionModel, UserModel
from moesif.models.status import StatusModel

__all__ = [
    "BaseModel",
    "CampaignModel",
    "CompanyModel",
    "EventModel",
    "EventRequestModel",
    "EventResponseModel",
    "Headers",
    "StatusModel",
    "SubscriptionModel",
    "UserModel",
]
