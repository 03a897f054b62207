"""One API call as a document: what mask functions are given and return."""

from __future__ import annotations

import json
import uuid
from typing import TYPE_CHECKING, Any, ClassVar

from moesif.models.base import BaseModel, same

if TYPE_CHECKING:
    from collections.abc import Mapping

    from typing_extensions import Self


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


class EventRequestModel(BaseModel):
    """What was asked. ``time`` is an ISO 8601 text or a datetime, ``headers`` are found in any case."""

    names = same(
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

    names = same("time", "status", "headers", "body", "ip_address", "transfer_encoding", "content_length")

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

    names = same(
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


#: The lowest limit that ``sys.set_int_max_str_digits`` takes.
_MOST_DIGITS = 640


class Number(float):
    """A number of a JSON document: a float that is written again as it was read, whatever a float makes of it."""

    def __new__(cls, text: str) -> Self:
        """Read a number as JSON spells it."""
        number = super().__new__(cls, text)
        number.json_text = text
        return number

    json_text: str


def _integer(text: str) -> float:
    # Python has no -0, and need not read a decimal integer of more digits than this.
    return Number(text) if text == "-0" or len(text) > _MOST_DIGITS else int(text)


def from_json(text: str | bytes) -> Any:
    """Return the value of JSON text, with numbers that are written again as they were read."""
    return json.loads(text, parse_float=Number, parse_int=_integer)


def event_from_document(document: str) -> EventModel:
    """Return the model of an event's JSON text, its headers looked up in any case.

    Its weight is not set: how many calls it stands for is not the mask's to decide.
    """
    fields: dict[str, Any] = from_json(document)
    event = EventModel.from_dictionary(fields)
    event.weight = None
    for part in (event.request, event.response):
        if part is not None:
            part.headers = Headers(part.headers or {})
    return event
