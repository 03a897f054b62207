"""Lists every allowed difference between our record of an exchange with a Django project and upstream's."""

from __future__ import annotations

from dataclasses import replace

from tests.parity.differences import CONTRACT, GUARANTEES, OPTIONS, SHARED, Difference
from tests.parity.django import predicates

#: Predicates of shared differences that are not the same in Django.
OWN_PREDICATES = {"Next authorization header": predicates.next_header}

DIFFERENCES = [
    *(replace(difference, explains=OWN_PREDICATES.get(difference.name, difference.explains)) for difference in SHARED),
    Difference(
        "Body sizes",
        (CONTRACT, "content_length"),
        "The size is known even if the body is cut or not recorded.",
        predicates.content_length,
    ),
    Difference(
        "Transaction id sent by the client",
        (CONTRACT, "Transaction ids"),
        "A client must not put any text it likes into responses.",
        predicates.unsafe_transaction_id,
    ),
    Difference(
        "`Vary: Cookie`",
        (CONTRACT, "B42"),
        "Caches cannot share a response that varies by cookie.",
        predicates.vary,
    ),
    Difference(
        "Error responses",
        (CONTRACT, "B20"),
        "Recording must not make a request fail.",
        predicates.server_error,
    ),
    Difference(
        "`request.body` after reading the stream",
        (GUARANTEES, "I-12"),
        "The middleware does not change what Django does.",
        predicates.raw_post_data,
    ),
    Difference(
        "Transaction id set by the view",
        (CONTRACT, "Transaction ids"),
        "The view's response is not changed.",
        predicates.transaction_id_of_the_view,
    ),
    Difference(
        "Transaction id of skipped calls",
        (OPTIONS, "SKIP"),
        "Every response has one.",
        predicates.transaction_id_of_a_skipped_call,
    ),
    Difference(
        "Bodies of streaming responses",
        (CONTRACT, "B12"),
        "They are recorded as they leave, without delay.",
        predicates.streamed,
    ),
    Difference("Cookies in responses", (CONTRACT, "B41"), "They are response headers.", predicates.cookies),
    Difference(
        "Odd characters in the query", (CONTRACT, "B1"), "It is the URI that the client requested.", predicates.uri
    ),
    Difference(
        "`GET_SESSION_TOKEN`",
        (CONTRACT, "B25"),
        "A function in the settings is more specific than a default.",
        predicates.session_token,
    ),
    Difference(
        "Masked authorization header",
        (CONTRACT, "B26"),
        "A mask removes the header from the record only.",
        predicates.masked_header,
    ),
    Difference(
        "Projects without users",
        (CONTRACT, "B25"),
        "Many APIs identify users by a header.",
        predicates.without_users,
    ),
    Difference(
        "`IDENTIFY_USER` that fails",
        (GUARANTEES, "I-19"),
        "A failed function gives no result, like one that returns `None`.",
        predicates.failing_identify_user,
    ),
]
