"""Lists every allowed difference between our event of an outgoing call and that of moesifpythonrequest 0.3.5.

docs/migrating.md describes each entry to users: its row has the same name and the same reason.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Difference:
    """Fields that differ in some calls."""

    #: The first cell of its row in docs/migrating.md.
    name: str
    #: The reason for our behaviour, as the row gives it.
    why: str
    fields: frozenset[str]
    #: The calls in which they differ; empty for all.
    calls: frozenset[str] = frozenset()

    def explains(self, call: str, field: str) -> bool:
        return field in self.fields and (not self.calls or call in self.calls)


def _set(*names: str) -> frozenset[str]:
    return frozenset(names)


SIZES = _set("request.content_length", "response.content_length")
REQUEST_BODY = _set("request.body", "request.transfer_encoding")
RESPONSE_BODY = _set("response.body", "response.transfer_encoding")
EVENTS = _set("events")

DIFFERENCES = [
    Difference("Body sizes", "The size is known even if the body is cut or not recorded.", SIZES),
    Difference("Forms and other text", "They are what was sent.", REQUEST_BODY, _set("form", "text")),
    Difference("Bodies from generators", "They are what was sent.", REQUEST_BODY, _set("generator")),
    Difference(
        "JSON numbers, texts and booleans",
        "Only objects and arrays count as JSON, as in the middlewares.",
        REQUEST_BODY | RESPONSE_BODY,
        _set("json scalar"),
    ),
    Difference(
        "URI of a redirected call", "It is the call that the application made.", _set("request.uri"), _set("redirect")
    ),
    Difference(
        "Bodies that a mask cannot read",
        "Data that should have been masked must not leave.",
        REQUEST_BODY,
        _set("masked bytes"),
    ),
    Difference("User ids that are not text", "The API defines ids as text.", _set("user_id"), _set("number as id")),
    Difference("Calls with `Session.send`", "Every call leaves an event.", EVENTS, _set("prepared")),
    Difference("Failed calls", "The record should show failures.", EVENTS, _set("failing")),
]
