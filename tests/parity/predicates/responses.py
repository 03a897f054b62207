"""Predicates about how a response is passed on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.parity import applications
from tests.parity.predicates.findings import is_body, is_failure, is_loss, is_recorded_as, is_request, sent_response

if TYPE_CHECKING:
    from tests.parity.compare import Finding
    from tests.parity.exchange import Exchange


def _journal(exchange: Exchange) -> list[str]:
    """Return the order in which chunks are made and sent without a middleware."""
    count = len(exchange.answer.chunks[: exchange.taken])
    steps = [step for number in range(count) for step in (f"made {number}", f"sent {number}")]
    # A generator that was never started does not run its finally clause.
    return [*steps, "closed"] if exchange.taken != 0 else []


def streams(finding: Finding) -> bool:
    exchange = finding.exchange
    if exchange.application is applications.failing_in_the_middle:
        return (finding.field, finding.ours) in [("seen.chunks", ["hello "]), ("seen.journal", ["sent 0"])]
    if finding.field == "seen.journal":
        return exchange.application is applications.as_generator and bool(finding.ours == _journal(exchange))
    if exchange.taken is None or is_request(finding) or not is_body(finding):
        return False
    # Only chunks that the client read are recorded.
    content = sent_response(exchange)
    return is_recorded_as(finding, content) if content else finding.ours is None


def response_time(finding: Finding) -> bool:
    return finding.field == "response.time" and finding.ours == "<in time>" and "before" in finding.theirs


def written(finding: Finding) -> bool:
    ways = (applications.by_writing, applications.by_writing_and_returning)
    return finding.exchange.application in ways and is_recorded_as(finding, sent_response(finding.exchange))


def same_object(finding: Finding) -> bool:
    exchange = finding.exchange
    length = len(exchange.answer.chunks)
    if exchange.application is applications.by_writing:
        length = 0
    elif exchange.application is applications.by_writing_and_returning:
        length -= 1
    return (finding.field, finding.theirs, finding.ours) == ("seen.length", None, length)


def file_wrapper(finding: Finding) -> bool:
    if finding.exchange.application is not applications.as_file:
        return False
    if finding.field == "seen.is the file wrapper":
        return bool(finding.ours is True)
    return finding.field.startswith("response.") and is_body(finding) and finding.ours is None


def own_header_list(finding: Finding) -> bool:
    if finding.field == "seen.notes.the application's own list":
        return bool(finding.ours == ["Content-Type"])
    return finding.exchange.application is applications.with_headers_in_a_tuple and is_failure(
        finding, "AttributeError"
    )


def exc_info_by_keyword(finding: Finding) -> bool:
    if finding.exchange.application is not applications.answering_twice_by_keyword:
        return False
    return (finding.field, finding.ours) == ("seen.status", "503 Busy") or is_failure(finding, "TypeError")


FAILING = (applications.failing_at_once, applications.failing_after_its_answer, applications.failing_in_the_middle)


def application_raises(finding: Finding) -> bool:
    return finding.exchange.application in FAILING and is_loss(finding)
