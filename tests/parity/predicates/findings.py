"""Functions about findings and their exchanges, for all predicates."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.parity.compare import Finding
    from tests.parity.exchange import Exchange


def is_request(finding: Finding) -> bool:
    return finding.field.startswith("request.")


def is_body(finding: Finding) -> bool:
    side, _, part = finding.field.partition(".")
    return side in {"request", "response"} and part in {"body", "transfer_encoding"}


def variable(exchange: Exchange, name: str) -> Any:
    return exchange.variables.get(name)


def declared_length(exchange: Exchange) -> Any:
    usual = None if exchange.body is None else str(len(exchange.body))
    return exchange.variables.get("CONTENT_LENGTH", usual)


def sent_response(exchange: Exchange) -> bytes:
    """Return the part of the response that the client read."""
    return b"".join(exchange.answer.chunks[: exchange.taken])


def content_of(finding: Finding) -> bytes:
    return (finding.exchange.body or b"") if is_request(finding) else sent_response(finding.exchange)


def is_recorded_as(finding: Finding, ours: bytes, theirs: bytes | None = None) -> bool:
    """Return whether we recorded the content ``ours`` and, if given, upstream recorded ``theirs`` as base64."""
    if not is_body(finding):
        return False
    try:
        document = json.loads(ours.decode("utf-8-sig"))
        expected = (document, "json")
    except ValueError:
        expected = (in_base64(ours), "base64")
    if finding.field.endswith("transfer_encoding"):
        return bool(finding.ours == expected[1])
    return bool(finding.ours == expected[0] and (theirs is None or finding.theirs == in_base64(theirs)))


def in_base64(content: bytes) -> str:
    return base64.b64encode(content).decode()


def sent_headers(exchange: Exchange) -> list[list[str]]:
    """Return the headers of the response: the application's and ours."""
    return [*map(list, exchange.answer.headers), ["X-Moesif-Transaction-Id", "<id 1>"]]


def is_failure(finding: Finding, exception: str) -> bool:
    """Return whether upstream raised this exception, and we served and recorded the call."""
    exchange = finding.exchange
    ours: dict[str, Any] = {
        "seen.status": exchange.answer.status,
        "seen.headers": sent_headers(exchange),
        "seen.chunks": [chunk.decode() for chunk in exchange.answer.chunks],
        "seen.journal": [f"sent {number}" for number in range(len(exchange.answer.chunks))],
        "seen.raised": None,
        "seen.read": (exchange.body or b"").decode(),
        "events": 1,
    }
    if finding.field == "seen.raised" and not str(finding.theirs).startswith(exception):
        return False
    return finding.field in ours and bool(finding.ours == ours[finding.field])


def is_loss(finding: Finding) -> bool:
    """Return whether only upstream lost the event."""
    return (finding.field, finding.theirs, finding.ours) == ("events", None, 1)
