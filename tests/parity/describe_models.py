"""Prints, as JSON, how the event models of the installed package behave: ``python -m tests.parity.describe_models``.

It runs with either package installed, so it imports only the standard library and that package.
"""

from __future__ import annotations

import copy
import datetime as dt
import json
import pickle
from typing import TYPE_CHECKING, Any

from moesifapi import models

if TYPE_CHECKING:
    from collections.abc import Callable

Event: Any = models.EventModel
Request: Any = models.EventRequestModel
Response: Any = models.EventResponseModel

TIME = "2026-11-21T08:51:26.838"
MOMENT = dt.datetime(2026, 11, 21, 8, 51, 26, 838000)  # noqa: DTZ001 - as upstream parses TIME
REQUEST = {
    "time": TIME,
    "uri": "http://h/p?q=1",
    "verb": "POST",
    "headers": {"Authorization": "Basic YW5uOng="},
    "api_version": "1",
    "ip_address": "192.0.2.1",
    "body": {"a": [1, None]},
    "transfer_encoding": "json",
}
RESPONSE = {
    "time": TIME,
    "status": 200,
    "headers": {},
    "body": "dGV4dA==",
    "ip_address": None,
    "transfer_encoding": "base64",
}
EVENT = {
    "request": REQUEST,
    "response": RESPONSE,
    "session_token": "t",
    "tags": "a,b",
    "user_id": "u",
    "company_id": "c",
    "metadata": {"m": {"n": 1}},
    "direction": "Incoming",
    "weight": 2,
    "blocked_by": "r",
    "transaction_id": "3f2b6e0e-6d43-4b6e-9a53-0d7f0f6a1c11",
}


def _masked() -> Any:
    """Change an event as mask functions do."""
    event = _event()
    event.request.headers.pop("Authorization")
    event.request.headers["X-Added"] = "1"
    event.request.body["a"].append("more")
    event.request.body = {**event.request.body, "b": 2}
    event.response.body = None
    event.response.transfer_encoding = None
    event.response.status = 299
    event.metadata = None
    event.user_id = "masked"
    event.new_attribute = "not of the API"
    return event.to_dictionary()


def _aliases() -> list[bool]:
    """Return whether a change of the result of ``to_dictionary`` changes the model."""
    event = _event()
    dictionary = event.to_dictionary()
    dictionary["metadata"]["new"] = 1
    dictionary["request"]["headers"]["new"] = 1
    return ["new" in event.metadata, "new" in event.request.headers]


OUTCOMES: dict[str, Callable[[], Any]] = {
    "an event from nothing": lambda: Event.from_dictionary(None),
    "a request from nothing": lambda: Request.from_dictionary(None),
    "a response from nothing": lambda: Response.from_dictionary(None),
    "an empty event": lambda: {**Event().to_dictionary(), "transaction_id": None},
    "an empty event has a key": lambda: len(Event().transaction_id),
    "two empty events have two keys": lambda: Event().transaction_id != Event().transaction_id,
    "an empty request": lambda: Request().to_dictionary(),
    "an empty response": lambda: Response().to_dictionary(),
    "an event from an empty dictionary": lambda: {**Event.from_dictionary({}).to_dictionary(), "transaction_id": None},
    "an event with empty parts": lambda: [
        vars(Event.from_dictionary({"request": {}, "response": {}}))[name] for name in ("request", "response")
    ],
    "an event with an unset key": lambda: len(Event.from_dictionary({"transaction_id": None}).transaction_id),
    "an event by position": lambda: Event(*EVENT.values()).to_dictionary(),
    "an event by name": lambda: Event(**EVENT).to_dictionary(),
    "an event there and back": lambda: Event.from_dictionary(EVENT).to_dictionary(),
    "an event of parts": lambda: Event(Request(**REQUEST), Response(**RESPONSE), transaction_id="k").to_dictionary(),
    "a request by position": lambda: Request(*REQUEST.values()).to_dictionary(),
    "a response by position": lambda: Response(*RESPONSE.values()).to_dictionary(),
    "a request with a moment": lambda: Request(time=MOMENT).to_dictionary(),
    "a response with a moment": lambda: Response(time=MOMENT).to_dictionary(),
    "names of an event": lambda: list(Event().names),
    "names of a request": lambda: list(Request().names),
    "names of a response": lambda: list(Response().names),
    "names the API does not have": lambda: hasattr(Event.from_dictionary({"no_name": 1}), "no_name"),
    "parts are models": lambda: [type(part).__name__ for part in (_event().request, _event().response)],
    "models are base models": lambda: isinstance(_event(), models.BaseModel),
    "models in a list": lambda: Request(body=[Response(status=1), 2]).to_dictionary()["body"],
    "models in a dictionary": lambda: Request(body={"a": Response(status=1), "b": 2}).to_dictionary()["body"],
    "a masked event": _masked,
    "a dictionary of its own": _aliases,
    "a copy": lambda: copy.copy(_event()).to_dictionary(),
    "a deep copy": lambda: copy.deepcopy(_event()).to_dictionary(),
    "pickled": lambda: pickle.loads(pickle.dumps(_event())).to_dictionary(),
    "in a set": lambda: len({_event(), _event()}),
    "an attribute that is not there": lambda: getattr(_event(), "no_attribute", "none"),
    "type of headers": lambda: isinstance(_event().request.headers, dict),
}


def _event() -> Any:
    return Event.from_dictionary(copy.deepcopy(EVENT))


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, dt.datetime) else repr(value)


def _result(outcome: Callable[[], Any]) -> Any:
    try:
        return outcome()
    except Exception as error:  # noqa: BLE001 - every exception is compared
        return f"raises {type(error).__name__}"


def main() -> None:
    print(json.dumps({name: _result(outcome) for name, outcome in OUTCOMES.items()}, default=_plain))


if __name__ == "__main__":
    main()
