"""Predicates of the differences that only Django has, or that need other conditions there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.parity import functions
from tests.parity.django.exchange import SESSION, DjangoExchange
from tests.parity.django.functions import documented_identify_user
from tests.parity.predicates import callers, heads
from tests.parity.predicates.findings import is_recorded_as

if TYPE_CHECKING:
    from tests.parity.compare import Finding

#: Views that use the session, so that Django itself adds ``Vary``.
USING_SESSION = ("user", "session")
ID = "x-moesif-transaction-id"
#: Length of the page that Django sends if a view raises.
ERROR_PAGE_LENGTH = 145


def _exchange(finding: Finding) -> DjangoExchange:
    assert isinstance(finding.exchange, DjangoExchange)
    return finding.exchange


def vary(finding: Finding) -> bool:
    exchange = _exchange(finding)
    looks = exchange.way in USING_SESSION or exchange.options.get("IDENTIFY_USER") is documented_identify_user
    is_removed = "unknown" in str(exchange.variables.get("HTTP_COOKIE"))
    is_ours = (finding.field, finding.theirs, finding.ours) == ("seen.vary", "Cookie", None)
    return is_ours and not looks and not is_removed


def server_error(finding: Finding) -> bool:
    """Return whether upstream sent an error or lost the event, and we served and recorded the call."""
    exchange = _exchange(finding)
    if exchange.way != "content":
        return False
    fields = [[name.lower(), value] for name, value in exchange.answer.headers]
    theirs, ours = {
        "seen.status": ({"500 Internal Server Error", "400 Bad Request"}, exchange.answer.status),
        "seen.headers": ([["content-type", "text/html; charset=utf-8"]], [*fields, [ID, "<id 1>"]]),
        "seen.body": ("<title>", b"".join(exchange.answer.chunks).decode("latin-1")),
        "events": ((None,), 1),
    }.get(finding.field, ((), None))
    if finding.field == "seen.headers":
        return bool(finding.theirs == theirs and finding.ours == ours)
    if finding.field == "seen.body":
        return str(theirs) in str(finding.theirs) and finding.ours == ours
    return finding.theirs in theirs and type(finding.ours) is type(ours) and finding.ours == ours


def raw_post_data(finding: Finding) -> bool:
    """Return whether only we kept Django's exception for a body that was read as a stream."""
    is_asked = _exchange(finding).reads == "pieces" and finding.field == "seen.notes.body"
    return is_asked and finding.ours == "RawPostDataException" and type(finding.theirs) is int


def uri(finding: Finding) -> bool:
    expected = {
        "url-query-with-raw-bytes": "?q=caf%C3%A9",
        "url-query-with-a-percent": "?q=50%25&r=%25zz",
        "url-sub-delimiters": "/a;b=1,c!d$e&f'g(h)*i+j=k:l@m~n",
    }.get(finding.exchange.name)
    is_uri = finding.field == "request.uri" and expected is not None
    return is_uri and finding.ours == f"http://api.example.com/exchange/{finding.exchange.name}{expected}"


def unsafe_transaction_id(finding: Finding) -> bool:
    sent = finding.exchange.variables.get("HTTP_X_MOESIF_TRANSACTION_ID")
    if not sent or (len(sent) <= 64 and " " not in sent):
        return False
    if finding.field == "seen.headers":
        return [ID, sent] in finding.theirs and finding.ours == [["content-type", "text/plain"], [ID, "<id 1>"]]
    return finding.field.endswith(f".headers.{ID}") and (finding.theirs, finding.ours) == (sent, "<id 1>")


def transaction_id_of_the_view(finding: Finding) -> bool:
    own = dict(finding.exchange.answer.headers).get("X-Moesif-Transaction-Id")
    if own is None:
        return False
    if finding.field == "seen.headers":
        return [ID, "<id 1>"] in finding.theirs and finding.ours == [[ID, own]]
    return finding.field == f"response.headers.{ID}" and (finding.theirs, finding.ours) == ("<id 1>", own)


def transaction_id_of_a_skipped_call(finding: Finding) -> bool:
    is_skipped = finding.exchange.name == "option-skip" and finding.field == "seen.headers"
    return is_skipped and finding.ours == [*finding.theirs, [ID, "<id 1>"]]


def cookies(finding: Finding) -> bool:
    is_cookie = finding.field == "response.headers.set-cookie" and finding.theirs is None
    sets = _exchange(finding).way == "cookies"
    return is_cookie and sets and finding.ours == "a=1; Path=/, b=2; HttpOnly; Path=/"


def streamed(finding: Finding) -> bool:
    """Return whether it is the body of a streaming response, which upstream does not record."""
    if _exchange(finding).way != "stream" or not finding.field.startswith("response.") or finding.theirs is not None:
        return False
    return is_recorded_as(finding, b"".join(finding.exchange.answer.chunks[: finding.exchange.taken]))


def session_token(finding: Finding) -> bool:
    exchange = _exchange(finding)
    if "GET_SESSION_TOKEN" not in exchange.options:
        return False
    if finding.field == "seen.calls.GET_SESSION_TOKEN":
        return (finding.theirs, finding.ours) == (None, 1)
    is_token = finding.field == "session_token" and finding.theirs in {None, SESSION}
    return is_token and finding.ours == "of the function"


def without_users(finding: Finding) -> bool:
    exchange = _exchange(finding)
    if exchange.has_users or finding.theirs is not None:
        return False
    return finding.field == "user_id" and finding.ours == "anna"


def failing_identify_user(finding: Finding) -> bool:
    fails = finding.exchange.options.get("IDENTIFY_USER") is functions.raising and _exchange(finding).has_users
    return fails and (finding.field, finding.theirs, finding.ours) == ("user_id", None, "anna")


def masked_header(finding: Finding) -> bool:
    """Return whether a masked header names the user."""
    is_masked = "authorization" in finding.exchange.options.get("REQUEST_HEADER_MASKS", ())
    return is_masked and (finding.field, finding.theirs, finding.ours) == ("user_id", None, "anna")


def next_header(finding: Finding) -> bool:
    names = finding.exchange.options.get("AUTHORIZATION_HEADER_NAME")
    is_next = names == "X-User, Authorization" and finding.field == "user_id"
    return (is_next and (finding.theirs, finding.ours) == (None, "anna")) or callers.next_header(finding)


def content_length(finding: Finding) -> bool:
    if _exchange(finding).way == "failing":
        is_length = finding.field == "response.content_length" and finding.theirs is None
        return is_length and finding.ours == ERROR_PAGE_LENGTH
    return heads.content_length(finding)
