"""What is told to a collector, as JSON text: what each kind of document must have, and how many go with one request."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from moesif import _native
from moesif.models import BaseModel, CompanyModel, EventModel, SubscriptionModel, UserModel
from moesif.models.event import from_json

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import TypeAlias

    #: A dictionary, a model of ``moesif.models`` or JSON text.
    Document: TypeAlias = Mapping[str, Any] | BaseModel | str | bytes
    #: Anything that yields documents, or JSON text of an array.
    Documents: TypeAlias = Iterable[Document] | str | bytes

#: Elements that go with one request, at most.
MOST_ELEMENTS = 10_000
#: Bytes that go with one request, at most: below what the API takes of any kind.
MOST_BYTES = 10_000_000
#: Longest profile or action in bytes.
_MEBIBYTE = 1024 * 1024


class Kind(NamedTuple):
    """A kind of document. ``required`` are dotted paths; the first is the id, where there is one."""

    noun: str
    path: str
    required: tuple[str, ...]
    model: type[BaseModel] | None = None
    most_bytes: int = _MEBIBYTE
    has_transaction_id: bool = False
    #: The same, where the document that begins the path is there.
    required_within: tuple[str, ...] = ()


USER = Kind("user", "/v1/users", ("user_id",), UserModel)
COMPANY = Kind("company", "/v1/companies", ("company_id",), CompanyModel)
SUBSCRIPTION = Kind("subscription", "/v1/subscriptions", ("subscription_id", "company_id", "status"), SubscriptionModel)
EVENT = Kind(
    "event",
    "/v1/events",
    ("request", "request.time", "request.uri", "request.verb"),
    EventModel,
    most_bytes=4 * _MEBIBYTE,
    has_transaction_id=True,
    required_within=("response.time", "response.status"),
)
ACTION = Kind("action", "/v1/actions", ("action_name", "request", "request.uri"), has_transaction_id=True)


def text_of(kind: Kind, given: Document, name: str = "") -> str:
    """Return a document as JSON text.

    One that is to be known again when it arrives twice is given a ``transaction_id``. ``name`` is for messages.

    Raises ``ValueError`` when something required is missing, naming it, or when it is too long; ``TypeError`` for what
    is no document; and whatever the values' own methods raise.
    """
    fields = fields_of(kind, given)
    named = name or f"the {kind.noun}"
    within = (path for path in kind.required_within if _at(fields, path.partition(".")[0]) is not None)
    for path in (*kind.required, *within):
        if _at(fields, path) in (None, ""):
            message = f"{named} has no {path}: it is required"
            raise ValueError(message)
    if kind.has_transaction_id:
        fields.setdefault("transaction_id", str(uuid.uuid4()))
    else:
        identifier = kind.required[0]
        fields[identifier] = str(fields[identifier])
    try:
        return _native.document_json(fields, kind.most_bytes)
    except ValueError as error:
        message = f"{named} cannot be sent: {error}"
        raise ValueError(message) from error


def fields_of(kind: Kind, given: Document) -> dict[str, Any]:
    """Return the fields of a document that are set, models in it as dictionaries. Raises ``TypeError`` for none."""
    document: Any = from_json(given) if isinstance(given, (str, bytes)) else given
    if isinstance(document, BaseModel):
        return document.supplied()
    if not isinstance(document, Mapping):
        accepted = f"a dictionary, a {kind.model.__name__}" if kind.model else "a dictionary"
        message = f"expected {accepted} or JSON text, found {type(document).__name__}"
        raise TypeError(message)
    return {
        name: value.supplied() if isinstance(value, BaseModel) else value
        for name, value in document.items()
        if value is not None
    }


def elements_of(kind: Kind, given: Documents) -> list[Document]:
    """Return the documents of a batch. Raises ``TypeError`` for what is none, ``ValueError`` for what is no JSON."""
    elements: Any = from_json(given) if isinstance(given, (str, bytes)) else given
    if isinstance(elements, (Mapping, BaseModel)) or not isinstance(elements, Iterable):
        message = f"expected a list of {kind.noun} documents, found {type(elements).__name__}"
        raise TypeError(message)
    return list(elements)


def texts_of(kind: Kind, given: Documents) -> list[str]:
    """Return the documents of a batch as JSON texts. Raises as ``text_of`` does, for the first that cannot be sent."""
    elements = elements_of(kind, given)
    return [text_of(kind, element, f"{kind.noun} {index} of the batch") for index, element in enumerate(elements)]


def parts_of(documents: list[str]) -> Iterator[list[str]]:
    """Cut a batch into parts that go with one request each."""
    part: list[str] = []
    size = 0
    for document in documents:
        length = len(document.encode()) + 1
        if part and (len(part) == MOST_ELEMENTS or size + length > MOST_BYTES):
            yield part
            part, size = [], 0
        part.append(document)
        size += length
    if part:
        yield part


def _at(fields: Mapping[str, Any], path: str) -> object:
    """Return the value at a dotted path; ``None`` where there is none."""
    value: object = fields
    for name in path.split("."):
        value = value.get(name) if isinstance(value, Mapping) else getattr(value, name, None)
    return value
