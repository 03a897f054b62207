"""The import path ``moesifapi.models.subscription_model``."""

from moesif.models import SubscriptionModel

__all__ = ["SubscriptionModel"]
