"""The import path ``moesifapi.models.subscription_model``."""

from moesif.client.legacy.third_party import offer
from moesif.models import BaseModel, SubscriptionModel

__all__ = [
    "BaseModel",
    "SubscriptionModel",
]

offer(__name__, "dateutil")
