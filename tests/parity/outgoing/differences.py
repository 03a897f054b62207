"""Every way in which our event of an outgoing call may differ from that of moesifpythonrequest 0.3.5: all of them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Difference:
    """Fields that differ, and in which calls; without calls, in any."""

    why: str
    fields: frozenset[str]
    calls: frozenset[str] = frozenset()

    def explains(self, call: str, field: str) -> bool:
        return field in self.fields and (not self.calls or call in self.calls)


def _fields(*names: str) -> frozenset[str]:
    return frozenset(names)


SIZES = _fields("request.content_length", "response.content_length")
REQUEST_BODY = _fields("request.body", "request.transfer_encoding")
RESPONSE_BODY = _fields("response.body", "response.transfer_encoding")

DIFFERENCES = [
    Difference("Sizes of bodies are told; upstream does not know the field.", SIZES),
    Difference("Text that is no JSON is recorded; upstream leaves it out.", REQUEST_BODY, _fields("form", "text")),
    Difference("What a generator yields is recorded; upstream leaves it out.", REQUEST_BODY, _fields("generator")),
    Difference("Only an object or an array is JSON.", REQUEST_BODY | RESPONSE_BODY, _fields("json scalar")),
    Difference(
        "The URI is that of the call that was made, not that of its last redirect.",
        _fields("request.uri"),
        _fields("redirect"),
    ),
    Difference("A body that a mask cannot read is left out.", REQUEST_BODY, _fields("masked bytes")),
    Difference("Ids are text.", _fields("user_id"), _fields("number as id")),
    Difference("Every way of sending is seen; upstream misses it.", _fields("events"), _fields("prepared")),
    Difference("Failures are recorded; upstream has no event.", _fields("events"), _fields("failing")),
]
