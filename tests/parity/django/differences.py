"""Every way in which our recording of an exchange with a Django project may differ from upstream's: the whole list."""

from __future__ import annotations

from tests.parity.differences import ARCHITECTURE, CONTRACT, GUARANTEES, OF_BOTH, OPTIONS, Difference
from tests.parity.django import predicates
from tests.parity.predicates import bodies

DIFFERENCES = [
    *OF_BOTH,
    Difference("what the response varies by", (CONTRACT, "B42"), "By nothing of ours.", predicates.vary),
    Difference(
        "requests upstream answers with an error",
        (CONTRACT, "B20"),
        "The project's answer leaves, and is recorded.",
        predicates.server_error,
    ),
    Difference(
        "a body that has been read", (GUARANTEES, "I-12"), "Django refuses to read it again.", predicates.raw_post_data
    ),
    Difference(
        "an odd transaction id of the client is replaced",
        (CONTRACT, "Transaction ids"),
        "Beyond 64 characters, or with others than letters, digits and . _ -.",
        predicates.odd_transaction_id,
    ),
    Difference(
        "a transaction id of the project stays",
        (CONTRACT, "Transaction ids"),
        "Upstream writes over it.",
        predicates.id_of_the_application,
    ),
    Difference(
        "the id of a call that is skipped",
        (OPTIONS, "SKIP"),
        "It has one, as every call.",
        predicates.id_of_a_skipped_call,
    ),
    Difference(
        "sizes of bodies", (CONTRACT, "content_length"), "Upstream does not record them.", predicates.content_length
    ),
    Difference(
        "a body the view does not read",
        (ARCHITECTURE, "recorded as the application reads"),
        "READ_REQUEST_BODY_FIRST reads it first.",
        bodies.unread,
    ),
    Difference("streams", (CONTRACT, "B12"), "What left is recorded.", predicates.streamed),
    Difference("cookies", (CONTRACT, "B41"), "They are headers like others.", predicates.cookies),
    Difference("the URI", (CONTRACT, "B1"), "It is a valid URI, and the one that was asked for.", predicates.uri),
    Difference("the next header", (GUARANTEES, "I-25"), "It is tried when one yields nothing.", predicates.next_header),
    Difference("session tokens", (CONTRACT, "B25"), "GET_SESSION_TOKEN wins.", predicates.session_token),
    Difference(
        "headers that are not recorded", (CONTRACT, "B26"), "They name the user all the same.", predicates.masked_header
    ),
    Difference("no users in the project", (CONTRACT, "B25"), "Headers are looked at.", predicates.without_users),
    Difference(
        "an IDENTIFY_USER that fails", (GUARANTEES, "I-19"), "The next way is tried.", predicates.failing_identify_user
    ),
]
