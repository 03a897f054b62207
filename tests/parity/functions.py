"""Functions for the options: as the documentation shows them, and as applications write them."""

from __future__ import annotations

import datetime as dt
import decimal
import json
from typing import Any

from tests.parity.exchange import CALL, Environ

NAMES = ("Authorization", "X-Secret")


def returning(value: object) -> Any:
    """Return a function that takes any arguments and returns ``value``."""

    def function(*_arguments: object) -> object:
        return value

    return function


def raising(*_arguments: object) -> object:
    message = "the function fails"
    raise RuntimeError(message)


def documented_identify_user(app: Any, environ: Environ, response_headers: Any = dict()) -> str:  # noqa: B006, C408 - as documented
    del app, environ, response_headers
    return "12345"


def of_two_parameters(app: Any, environ: Environ) -> str:
    del app
    return "from " + str(environ["HTTP_X_USER"])


def from_response_headers(app: Any, environ: Environ, response_headers: Any) -> str:
    del app, environ
    return str(response_headers.get("X-User"))


def joining_response_headers(app: Any, environ: Environ, response_headers: Any) -> str:
    del app, environ
    return str(response_headers.get("X-Twice"))


def naming_response_headers(app: Any, environ: Environ, response_headers: Any) -> str:
    del app, environ
    return ",".join(sorted(response_headers))


class Identifier:
    """A callable object, with a method that is used as a function too."""

    def __call__(self, app: Any, environ: Environ, response_headers: Any) -> str:
        del app, environ, response_headers
        return "from an object"

    def method(self, app: Any, environ: Environ, response_headers: Any) -> str:
        del app, environ, response_headers
        return "from a method"


def reading_the_body(app: Any, environ: Environ, response_headers: Any = None) -> str:
    """Read ``wsgi.input``, as some projects do in ``IDENTIFY_USER``."""
    del app, response_headers
    return environ["wsgi.input"].read().decode() or "nothing to read"


def showing_environ(app: Any, environ: Environ) -> dict[str, Any]:
    """Return the documented keys of ``environ``."""
    del app
    return {
        "request_body": environ.get("moesif.request_body"),
        "response_headers": {
            name: value for name, value in environ["moesif.response_headers"].items() if "Moesif" not in name
        },
        "response_body": b"".join(environ["moesif.response_body_chunks"]).decode(),
    }


def skipping_health(app: Any, environ: Environ) -> bool:
    del app
    return "health/probe" in environ.get("PATH_INFO", "")


def showing_its_application(app: Any, environ: Environ) -> dict[str, Any]:
    return {"app": getattr(app, "__name__", "?"), "exchange": environ[CALL].exchange.name}


METADATA: dict[str, Any] = {
    "documented": {"datacenter": "westus", "deployment_version": "v1.2.3"},
    "nested": {"a": [1, 2.5, True, None, "text", {"b": []}], "é": "☃"},
    "empty": {},
    "nothing": None,
    "number-keys": {2: "two", True: "yes", None: "none", 2.5: "half"},
    "tuple": {"a": (1, 2)},
    "large-numbers": {"a": 2**70, "b": 1e300, "c": -1},
    "text": "text",
    "list": [1, 2],
    "number": 5,
    "not-a-number": {"a": float("nan"), "b": float("inf")},
    "date": {"a": dt.datetime(2024, 5, 6, 7, 8, 9, tzinfo=dt.timezone.utc)},
    "decimal": {"a": decimal.Decimal("1.50")},
    "set": {"a": {1}},
    "bytes": {"a": b"text"},
    "surrogate": {"a": "\ud800"},
}


# Mask functions. Each takes the event and should return it.


def documented_mask(eventmodel: Any) -> Any:
    """Mask as the example of the old documentation does, word for word."""
    # Your custom code to change or remove any sensitive fields
    if 'password' in eventmodel.response.body:  # noqa: Q000 # fmt: skip
        eventmodel.response.body['password'] = None  # noqa: Q000 # fmt: skip
    return eventmodel


def corrected_mask(eventmodel: Any) -> Any:
    """Mask as the documented example does, with the correction of docs/migrating.md."""
    if eventmodel.response.body and 'password' in eventmodel.response.body:  # noqa: Q000 # fmt: skip
        eventmodel.response.body["password"] = None
    return eventmodel


def same(event: Any) -> Any:
    return event


def nothing(_event: Any) -> None:
    return None


def text(_event: Any) -> str:
    return "not an event"


def removing_bodies(event: Any) -> Any:
    event.request.body = None
    event.response.body = None
    return event


def removing_a_header(event: Any) -> Any:
    for name in NAMES:
        event.request.headers.pop(name, None)
    return event


def removing_a_header_in_upper_case(event: Any) -> Any:
    for name in NAMES:
        event.request.headers.pop(name.upper(), None)
    return event


def removing_a_header_that_must_be_there(event: Any) -> Any:
    del event.request.headers["AUTHORIZATION"]
    return event


def removing_all_headers(event: Any) -> Any:
    event.request.headers = {}
    event.response.headers = None
    return event


def rewriting(event: Any) -> Any:
    """Change every attribute that people change."""
    event.user_id = "masked user"
    event.company_id = "masked company"
    event.session_token = "masked token"
    event.tags = "a,b"
    event.metadata = {"masked": True}
    event.direction = "Outgoing"
    event.blocked_by = "nobody"
    event.transaction_id = "chosen by the mask"
    event.request.uri = event.request.uri.split("?")[0]
    event.request.verb = "MASKED"
    event.request.ip_address = "192.0.2.99"
    event.request.api_version = "9"
    event.request.headers["X-Added"] = "1"
    event.response.status = 299
    event.response.headers["X-Added"] = "2"
    event.response.ip_address = "192.0.2.98"
    return event


def rewriting_bodies(event: Any) -> Any:
    event.request.body["card"] = "*" * 4
    event.response.body["items"].append({"added": True})
    return event


def looking_at_types(event: Any) -> Any:
    """Put the types of the event's parts into its metadata."""
    found = {
        "event": type(event).__name__,
        "request": type(event.request).__name__,
        "response": type(event.response).__name__,
        "headers are a dict": isinstance(event.request.headers, dict),
        "body": type(event.request.body).__name__,
        "response body": type(event.response.body).__name__,
        "status": type(event.response.status).__name__,
        "time": type(event.request.time).__name__,
        "transaction id": type(event.transaction_id).__name__,
        "weight": repr(event.weight),
        "tags": repr(event.tags),
        "blocked_by": repr(event.blocked_by),
        "names": sorted(event.names),
    }
    event.metadata = found
    return event


def replacing_the_response(event: Any) -> Any:
    """Replace the response with a new model."""
    response = type(event.response)(event.response.time, 418, {"X-New": "1"}, {"new": True})
    response.transfer_encoding = "json"
    event.response = response
    return event


def returning_a_copy(event: Any) -> Any:
    """Convert the event to a dictionary and back."""
    dictionary = event.to_dictionary()
    dictionary["request"] = event.request
    dictionary["response"] = event.response
    dictionary["user_id"] = "of the copy"
    copy = type(event)(**dictionary)
    assert json.dumps(event.request.to_dictionary())
    return copy


def adding_a_date(event: Any) -> Any:
    event.request.time = dt.datetime(2024, 5, 6, 7, 8, 9, 123000)  # noqa: DTZ001 - as applications write it
    return event


def adding_a_set(event: Any) -> Any:
    event.metadata = {"a": {1}}
    return event


def changing_the_weight(event: Any) -> Any:
    event.weight = 17
    return event


def removing_the_response(event: Any) -> Any:
    event.response = None
    return event


def raising_after_a_change(event: Any) -> Any:
    event.request.body = "half done"
    return raising()
