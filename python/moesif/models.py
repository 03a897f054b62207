"""The documents of the collector's API as plain Python objects: what mask functions are given and may return.

Every attribute is mutable and may be ``None``; constructors take everything by position or name, in the order of the
attributes. ``to_dictionary()`` and ``from_dictionary()`` convert to and from the names of the API.
"""

from __future__ import annotations

import datetime as dt
import json
import uuid
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from typing_extensions import Self

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


class Headers(dict[str, Any]):
    """Headers by name: found in any case, kept in the case they were sent in."""

    def _spelling(self, name: Any) -> Any:
        """Return the name as it is kept, or the name itself when it is not there."""
        if super().__contains__(name) or not isinstance(name, str):
            return name
        lowered = name.lower()
        return next((kept for kept in self if kept.lower() == lowered), name)

    def __getitem__(self, name: str) -> Any:
        return super().__getitem__(self._spelling(name))

    def __setitem__(self, name: str, value: object) -> None:
        super().__setitem__(self._spelling(name), value)

    def __delitem__(self, name: str) -> None:
        super().__delitem__(self._spelling(name))

    def __contains__(self, name: object) -> bool:
        return super().__contains__(self._spelling(name))

    def get(self, name: str, default: Any = None) -> Any:
        """Return the value of a header, or the default."""
        return super().get(self._spelling(name), default)

    def pop(self, name: str, *default: Any) -> Any:
        """Remove a header and return its value; without a default it must be there."""
        return super().pop(self._spelling(name), *default)

    def setdefault(self, name: str, default: Any = None) -> Any:
        """Return the value of a header, set to the default if it is not there."""
        return super().setdefault(self._spelling(name), default)

    def update(self, *others: Any, **named: Any) -> None:
        """Set headers, each replacing one of its name in any case."""
        for name, value in dict(*others, **named).items():
            self[name] = value

    def __ior__(self, other: Any) -> Self:  # type: ignore[override]
        self.update(other)
        return self

    def __or__(self, other: Any) -> Headers:  # type: ignore[override]
        return self.copy().__ior__(other)

    def copy(self) -> Headers:
        """Return a copy that is looked up the same way."""
        return Headers(self)


class BaseModel:
    """What all documents have in common."""

    #: Attribute by the name the API has for it.
    names: ClassVar[Mapping[str, str]] = {}
    #: Attributes that are documents themselves.
    _documents: ClassVar[Mapping[str, type[BaseModel]]] = {}

    def to_dictionary(self) -> dict[str, Any]:
        """Return the document under the API's names, in which the documents are dictionaries and moments texts.

        Unset attributes are ``None``. Changing the dictionary, or one right in it, does not change the model.
        """
        return {name: _plain(getattr(self, attribute)) for attribute, name in self.names.items()}

    @classmethod
    def from_dictionary(cls, dictionary: Mapping[str, Any] | None) -> Self | None:
        """Return the model of a document; ``None`` for ``None``, and for a document in it that is empty.

        Names the API does not have are passed over. Times stay what they are, texts or moments.
        """
        if dictionary is None:
            return None
        values = {}
        for attribute, name in cls.names.items():
            value = dictionary.get(name)
            document = cls._documents.get(attribute)
            is_plain = document is not None and not isinstance(value, BaseModel)
            values[attribute] = document.from_dictionary(value or None) if document and is_plain else value
        return cls(**values)

    def __repr__(self) -> str:
        """Show the attributes that are set."""
        shown = ", ".join(f"{name}={value!r}" for name, value in self._set_attributes())
        return f"{type(self).__name__}({shown})"

    def _set_attributes(self) -> Iterator[tuple[str, Any]]:
        for attribute in self.names:
            value = getattr(self, attribute)
            if value is not None:
                yield attribute, value


def _plain(value: object) -> object:
    if isinstance(value, list):
        return [_of_document(item) for item in value]
    if isinstance(value, dict):
        return {name: _of_document(item) for name, item in value.items()}
    return value.isoformat() if isinstance(value, dt.datetime) else _of_document(value)


def _of_document(value: object) -> object:
    return value.to_dictionary() if isinstance(value, BaseModel) else value


def _same(*names: str) -> Mapping[str, str]:
    return {name: name for name in names}


class EventRequestModel(BaseModel):
    """What was asked. ``time`` is an ISO 8601 text or a datetime, ``headers`` are found in any case."""

    names = _same(
        "time", "uri", "verb", "headers", "api_version", "ip_address", "body", "transfer_encoding", "content_length"
    )

    def __init__(
        self,
        time: Any = None,
        uri: str | None = None,
        verb: str | None = None,
        headers: dict[str, Any] | None = None,
        api_version: str | None = None,
        ip_address: str | None = None,
        body: Any = None,
        transfer_encoding: str | None = None,
        content_length: int | None = None,
    ) -> None:
        """Take every attribute as it is."""
        self.time = time
        self.uri = uri
        self.verb = verb
        self.headers = headers
        self.api_version = api_version
        self.ip_address = ip_address
        self.body = body
        self.transfer_encoding = transfer_encoding
        self.content_length = content_length


class EventResponseModel(BaseModel):
    """What was answered, and when its last byte was handed over."""

    names = _same("time", "status", "headers", "body", "ip_address", "transfer_encoding", "content_length")

    def __init__(
        self,
        time: Any = None,
        status: int | None = None,
        headers: dict[str, Any] | None = None,
        body: Any = None,
        ip_address: str | None = None,
        transfer_encoding: str | None = None,
        content_length: int | None = None,
    ) -> None:
        """Take every attribute as it is."""
        self.time = time
        self.status = status
        self.headers = headers
        self.body = body
        self.ip_address = ip_address
        self.transfer_encoding = transfer_encoding
        self.content_length = content_length


class EventModel(BaseModel):
    """One API call. Without a ``transaction_id`` it is given a random one."""

    names = _same(
        "request",
        "response",
        "session_token",
        "tags",
        "user_id",
        "company_id",
        "metadata",
        "direction",
        "weight",
        "blocked_by",
        "transaction_id",
    )
    _documents: ClassVar[Mapping[str, type[BaseModel]]] = {
        "request": EventRequestModel,
        "response": EventResponseModel,
    }

    def __init__(
        self,
        request: EventRequestModel | None = None,
        response: EventResponseModel | None = None,
        session_token: str | None = None,
        tags: str | None = None,
        user_id: str | None = None,
        company_id: str | None = None,
        metadata: Any = None,
        direction: str | None = None,
        weight: int | None = None,
        blocked_by: str | None = None,
        transaction_id: str | None = None,
    ) -> None:
        """Take every attribute as it is."""
        self.request = request
        self.response = response
        self.session_token = session_token
        self.tags = tags
        self.user_id = user_id
        self.company_id = company_id
        self.metadata = metadata
        self.direction = direction
        self.weight = weight
        self.blocked_by = blocked_by
        self.transaction_id = transaction_id or str(uuid.uuid4())


class CampaignModel(BaseModel):
    """How a user or company was won."""

    names = _same(
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
        """Take every attribute as it is."""
        self.utm_source = utm_source
        self.utm_medium = utm_medium
        self.utm_campaign = utm_campaign
        self.utm_term = utm_term
        self.utm_content = utm_content
        self.referrer = referrer
        self.referring_domain = referring_domain
        self.gclid = gclid


class UserModel(BaseModel):
    """A user. ``user_id`` is required by the API."""

    names = _same(
        "user_id",
        "company_id",
        "modified_time",
        "ip_address",
        "session_token",
        "user_agent_string",
        "metadata",
        "campaign",
    )
    _documents: ClassVar[Mapping[str, type[BaseModel]]] = {"campaign": CampaignModel}

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
        """Take every attribute as it is."""
        self.user_id = user_id
        self.company_id = company_id
        self.modified_time = modified_time
        self.ip_address = ip_address
        self.session_token = session_token
        self.user_agent_string = user_agent_string
        self.metadata = metadata
        self.campaign = campaign


class CompanyModel(BaseModel):
    """A company. ``company_id`` is required by the API."""

    names = _same(
        "company_id", "company_domain", "modified_time", "ip_address", "session_token", "metadata", "campaign"
    )
    _documents: ClassVar[Mapping[str, type[BaseModel]]] = {"campaign": CampaignModel}

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
        """Take every attribute as it is."""
        self.company_id = company_id
        self.company_domain = company_domain
        self.modified_time = modified_time
        self.ip_address = ip_address
        self.session_token = session_token
        self.metadata = metadata
        self.campaign = campaign


class SubscriptionModel(BaseModel):
    """A subscription. ``subscription_id``, ``company_id`` and ``status`` are required by the API."""

    names = _same("subscription_id", "company_id", "current_period_start", "current_period_end", "status", "metadata")

    def __init__(
        self,
        subscription_id: str | None = None,
        company_id: str | None = None,
        current_period_start: Any = None,
        current_period_end: Any = None,
        status: str | None = None,
        metadata: Any = None,
    ) -> None:
        """Take every attribute as it is."""
        self.subscription_id = subscription_id
        self.company_id = company_id
        self.current_period_start = current_period_start
        self.current_period_end = current_period_end
        self.status = status
        self.metadata = metadata


class StatusModel(BaseModel):
    """What the health probe answers."""

    names = _same("status", "region")

    def __init__(self, status: bool | None = None, region: str | None = None) -> None:
        """Take every attribute as it is."""
        self.status = status
        self.region = region


def event_from_document(document: str) -> EventModel:
    """Return the model of an event's JSON text, its headers looked up in any case.

    Its weight is not set: how many calls it stands for is decided after the mask.
    """
    event = EventModel.from_dictionary(json.loads(document))
    if event is None:
        message = "the document is null"
        raise ValueError(message)
    event.weight = None
    for part in (event.request, event.response):
        if part is not None:
            part.headers = Headers(part.headers or {})
    return event
