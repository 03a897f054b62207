"""Models of an event. Mask functions receive an ``EventModel`` and return it."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any, ClassVar

from moesif.models.base import BaseModel, same_names
from moesif.models.headers import Headers
from moesif.models.json_numbers import from_json

if TYPE_CHECKING:
    from collections.abc import Mapping


class EventRequestModel(BaseModel):
    """The request of an API call.

    ``time`` is when it arrived: ISO 8601 text or a datetime. ``body`` is a JSON value, or base64 text if
    ``transfer_encoding`` is ``"base64"``. ``content_length`` is the size of the whole body in bytes, even if
    ``body`` holds only its start. In an event that a mask function receives, ``headers`` ignores case.
    """

    names = same_names(
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
        """Set the attributes."""
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
    """The response of an API call.

    ``time`` is when its last byte was passed to the server. The other attributes are as in
    ``EventRequestModel``.
    """

    names = same_names("time", "status", "headers", "body", "ip_address", "transfer_encoding", "content_length")

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
        """Set the attributes."""
        self.time = time
        self.status = status
        self.headers = headers
        self.body = body
        self.ip_address = ip_address
        self.transfer_encoding = transfer_encoding
        self.content_length = content_length


class EventModel(BaseModel):
    """An API call. If ``transaction_id`` is ``None``, the model gets a random UUID."""

    names = same_names(
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
    _nested_models: ClassVar[Mapping[str, type[BaseModel]]] = {
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
        """Set the attributes."""
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


def event_from_document(document: str) -> EventModel:
    """Return the model of an event for a mask function. ``document`` is the JSON text of the event.

    The weight is ``None``: sampling sets it, not the mask function.
    """
    fields: dict[str, Any] = from_json(document)
    event = EventModel.from_dictionary(fields)
    event.weight = None
    for part in (event.request, event.response):
        if part is not None:
            part.headers = Headers(part.headers or {})
    return event
