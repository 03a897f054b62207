"""Predicates about mask functions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.parity import functions
from tests.parity.predicates.findings import is_body, is_failure

if TYPE_CHECKING:
    from tests.parity.compare import Finding
    from tests.parity.exchange import Exchange

RETURNING_NO_EVENT = (functions.nothing, functions.text)
RAISING = (functions.raising, functions.raising_after_a_change)


def mask_returns_no_event(finding: Finding) -> bool:
    mask = finding.exchange.options.get("MASK_EVENT_MODEL")
    return mask in RETURNING_NO_EVENT and is_failure(finding, "AttributeError")


def _raises(exchange: Exchange) -> bool:
    """Returns whether the mask function raises for the response of this exchange."""
    mask, chunks = exchange.options.get("MASK_EVENT_MODEL"), exchange.answer.chunks
    # Neither version of the documented function can set a key of a list.
    on_list = mask in {functions.documented_mask, functions.corrected_mask} and chunks == (b'["password", 1]',)
    has_no_body = exchange.options.get("LOG_BODY") is False or chunks == ()
    return mask in RAISING or on_list or (mask is functions.documented_mask and has_no_body)


def mask_fails(finding: Finding) -> bool:
    if not _raises(finding.exchange):
        return False
    if finding.field == "request.uri":
        return bool(finding.ours == str(finding.theirs).partition("?")[0])
    is_content = ".headers." in finding.field or finding.field in {"session_token", "metadata"} or is_body(finding)
    return is_content and finding.ours is None


def mask_in_upper_case(finding: Finding) -> bool:
    removed = {
        functions.removing_a_header_in_upper_case: {"authorization", "x-secret"},
        functions.removing_a_header_that_must_be_there: {"authorization"},
    }.get(finding.exchange.options.get("MASK_EVENT_MODEL"), set())  # type: ignore[arg-type]
    name = finding.field.removeprefix("request.headers.")
    return name in removed and finding.ours is None
