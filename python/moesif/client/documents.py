"""Documents to send: conversion to JSON text, required fields, and how many fit into one request."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from moesif import _native
from moesif.models import BaseModel, CompanyModel, EventModel, SubscriptionModel, UserModel
from moesif.models.json_numbers import from_json

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import TypeAlias

    #: A dictionary, a model of ``moesif.models`` or JSON text.
    Document: TypeAlias = Mapping[str, Any] | BaseModel | str | bytes
    #: Any iterable of documents, or JSON text of an array.
    Documents: TypeAlias = Iterable[Document] | str | bytes

#: The most documents in one request.
MAX_ELEMENTS = 10_000
#: The most bytes of JSON in one request. It is below the API's limit for every kind of document.
MAX_REQUEST_BYTES = 10_000_000
_MEBIBYTE = 1024 * 1024
_BYTES = (bytes, bytearray, memoryview)


class Kind(NamedTuple):
    """A kind of document. Field names are dotted paths."""

    noun: str
    path: str
    #: Required fields. If the kind has an id, it is the first.
    required: tuple[str, ...]
    model: type[BaseModel] | None = None
    max_bytes: int = _MEBIBYTE
    has_transaction_id: bool = False
    #: Fields that are required if the object that contains them is present.
    required_if_present: tuple[str, ...] = ()


USER = Kind("user", "/v1/users", ("user_id",), UserModel)
COMPANY = Kind("company", "/v1/companies", ("company_id",), CompanyModel)
SUBSCRIPTION = Kind("subscription", "/v1/subscriptions", ("subscription_id", "company_id", "status"), SubscriptionModel)
EVENT = Kind(
    "event",
    "/v1/events",
    ("request", "request.time", "request.uri", "request.verb"),
    EventModel,
    max_bytes=4 * _MEBIBYTE,
    has_transaction_id=True,
    required_if_present=("response.time", "response.status"),
)
ACTION = Kind("action", "/v1/actions", ("action_name", "request", "request.uri"), has_transaction_id=True)


def to_json(kind: Kind, document: Document, name: str = "") -> str:
    """Return a document as JSON text.

    Events and actions without a ``transaction_id`` get one, so that the collector recognises a retry.
    ``name`` is what messages call the document.

    Raises ``ValueError`` if a required field is missing or the document is too long, ``TypeError`` if it is
    not a document, and whatever the methods of its values raise.
    """
    fields = fields_of(kind, document)
    name = name or f"the {kind.noun}"
    present = (path for path in kind.required_if_present if _value_at(fields, path.partition(".")[0]) is not None)
    for path in (*kind.required, *present):
        if _value_at(fields, path) in (None, "", b""):
            message = f"{name} has no {path}: it is required"
            raise ValueError(message)
    if kind.has_transaction_id:
        fields.setdefault("transaction_id", str(uuid.uuid4()))
    else:
        id_field = kind.required[0]
        # Bytes stay bytes: the JSON has their text.
        if not isinstance(fields[id_field], _BYTES):
            fields[id_field] = str(fields[id_field])
    try:
        return _native.document_json(fields, kind.max_bytes)
    except ValueError as error:
        message = f"{name} cannot be sent: {error}"
        raise ValueError(message) from error


def fields_of(kind: Kind, document: Document) -> dict[str, Any]:
    """Return the fields of a document that are not ``None``. Models directly in it become dictionaries.

    Raises ``TypeError`` if it is not a document, ``ValueError`` if it is text that is not JSON.
    """
    value: Any = from_json(document) if isinstance(document, (str, bytes)) else document
    if isinstance(value, BaseModel):
        return value.supplied()
    if not isinstance(value, Mapping):
        accepted = f"a dictionary, a {kind.model.__name__}" if kind.model else "a dictionary"
        message = f"expected {accepted} or JSON text, found {type(value).__name__}"
        raise TypeError(message)
    return {
        name: field.supplied() if isinstance(field, BaseModel) else field
        for name, field in value.items()
        if field is not None
    }


def elements_of(kind: Kind, batch: Documents) -> list[Document]:
    """Return the documents of a batch.

    Raises ``TypeError`` if it is not a batch, ``ValueError`` if it is text that is not JSON.
    """
    elements: Any = from_json(batch) if isinstance(batch, (str, bytes)) else batch
    if isinstance(elements, (Mapping, BaseModel)) or not isinstance(elements, Iterable):
        message = f"expected a list of {kind.noun} documents, found {type(elements).__name__}"
        raise TypeError(message)
    return list(elements)


def batch_to_json(kind: Kind, batch: Documents) -> list[str]:
    """Return each document of a batch as JSON text. Raises like ``to_json`` for the first that cannot be sent."""
    elements = elements_of(kind, batch)
    return [to_json(kind, element, f"{kind.noun} {index} of the batch") for index, element in enumerate(elements)]


def split_batch(json_texts: list[str]) -> Iterator[list[str]]:
    """Yield the parts of a batch. Each part fits into one request."""
    part: list[str] = []
    size = 0
    for json_text in json_texts:
        length = len(json_text.encode()) + 1
        if part and (len(part) == MAX_ELEMENTS or size + length > MAX_REQUEST_BYTES):
            yield part
            part, size = [], 0
        part.append(json_text)
        size += length
    if part:
        yield part


def _value_at(fields: Mapping[str, Any], path: str) -> object:
    """Return the value at a dotted path, or ``None`` if there is none."""
    value: object = fields
    for name in path.split("."):
        value = value.get(name) if isinstance(value, Mapping) else getattr(value, name, None)
    return value
