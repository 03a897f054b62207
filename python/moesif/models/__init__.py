"""Models: the documents of the collector's API as Python objects.

Every attribute is mutable and may be ``None``. Constructors take the attributes by position, in the order in
which they are documented, or by name. ``to_dictionary()`` and ``from_dictionary()`` convert to and from the
API's dictionaries.
"""

from moesif.models.base import BaseModel
from moesif.models.event import EventModel, EventRequestModel, EventResponseModel
from moesif.models.headers import Headers
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
