"""Models of users, companies and subscriptions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from moesif.models.base import BaseModel, same_names

if TYPE_CHECKING:
    from collections.abc import Mapping


class CampaignModel(BaseModel):
    """The marketing campaign through which a user or company came."""

    names = same_names(
        "utm_source",
        "utm_medium",
        "utm_campaign",
        "utm_term",
        "utm_content",
        "referrer",
        "referring_domain",
        "gclid",
    )

    def __init__(
        self,
        utm_source: str | None = None,
        utm_medium: str | None = None,
        utm_campaign: str | None = None,
        utm_term: str | None = None,
        utm_content: str | None = None,
        referrer: str | None = None,
        referring_domain: str | None = None,
        gclid: str | None = None,
    ) -> None:
        """Set the attributes."""
        self.utm_source = utm_source
        self.utm_medium = utm_medium
        self.utm_campaign = utm_campaign
        self.utm_term = utm_term
        self.utm_content = utm_content
        self.referrer = referrer
        self.referring_domain = referring_domain
        self.gclid = gclid


class UserModel(BaseModel):
    """A user. The API requires ``user_id``."""

    names = same_names(
        "user_id",
        "company_id",
        "modified_time",
        "ip_address",
        "session_token",
        "user_agent_string",
        "metadata",
        "campaign",
    )
    _nested_models: ClassVar[Mapping[str, type[BaseModel]]] = {"campaign": CampaignModel}

    def __init__(
        self,
        user_id: str | None = None,
        company_id: str | None = None,
        modified_time: Any = None,
        ip_address: str | None = None,
        session_token: str | None = None,
        user_agent_string: str | None = None,
        metadata: Any = None,
        campaign: CampaignModel | None = None,
    ) -> None:
        """Set the attributes."""
        self.user_id = user_id
        self.company_id = company_id
        self.modified_time = modified_time
        self.ip_address = ip_address
        self.session_token = session_token
        self.user_agent_string = user_agent_string
        self.metadata = metadata
        self.campaign = campaign


class CompanyModel(BaseModel):
    """A company. The API requires ``company_id``."""

    names = same_names(
        "company_id", "company_domain", "modified_time", "ip_address", "session_token", "metadata", "campaign"
    )
    _nested_models: ClassVar[Mapping[str, type[BaseModel]]] = {"campaign": CampaignModel}

    def __init__(
        self,
        company_id: str | None = None,
        company_domain: str | None = None,
        modified_time: Any = None,
        ip_address: str | None = None,
        session_token: str | None = None,
        metadata: Any = None,
        campaign: CampaignModel | None = None,
    ) -> None:
        """Set the attributes."""
        self.company_id = company_id
        self.company_domain = company_domain
        self.modified_time = modified_time
        self.ip_address = ip_address
        self.session_token = session_token
        self.metadata = metadata
        self.campaign = campaign


class SubscriptionModel(BaseModel):
    """A subscription. The API requires ``subscription_id``, ``company_id`` and ``status``."""

    names = same_names(
        "subscription_id", "company_id", "current_period_start", "current_period_end", "status", "metadata", "items"
    )

    def __init__(
        self,
        subscription_id: str | None = None,
        company_id: str | None = None,
        current_period_start: Any = None,
        current_period_end: Any = None,
        status: str | None = None,
        metadata: Any = None,
        items: Any = None,
    ) -> None:
        """Set the attributes."""
        self.subscription_id = subscription_id
        self.company_id = company_id
        self.current_period_start = current_period_start
        self.current_period_end = current_period_end
        self.status = status
        self.metadata = metadata
        self.items = items
