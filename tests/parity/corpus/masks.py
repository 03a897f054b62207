"""Exchanges with a mask function: as applications write them, and functions that fail."""

from __future__ import annotations

from typing import Any

from tests.parity import functions
from tests.parity.exchange import Answer, Exchange
from tests.parity.functions import returning

SENT = b'{"card": "4111", "password": "p"}'
VARIABLES = {
    "QUERY_STRING": "token=s3cr3t",
    "HTTP_AUTHORIZATION": "Basic YW5uOng=",
    "HTTP_X_SECRET": "s3cr3t",
}
ANSWERS: dict[str, tuple[bytes, ...]] = {
    "json": (b'{"password": "p", "items": []}',),
    "json-without-it": (b'{"items": []}',),
    "json-array": (b'["password", 1]',),
    "json-array-without-it": (b"[1]",),
    "text": (b"the password is p",),
    "nothing": (),
}


def _masking(name: str, mask: Any, answer: str = "json", **options: Any) -> Exchange:
    return Exchange(
        f"mask-{name}",
        "POST",
        SENT,
        variables=VARIABLES,
        answer=Answer(ANSWERS[answer], (("Content-Type", "application/json"), ("Set-Cookie", "a=1"))),
        options={"MASK_EVENT_MODEL": mask, **options},
    )


EXCHANGES = [
    *(_masking(f"documented-{answer}", functions.documented_mask, answer) for answer in ANSWERS),
    _masking("documented-without-bodies", functions.documented_mask, LOG_BODY=False),
    *(_masking(f"corrected-{answer}", functions.corrected_mask, answer) for answer in ANSWERS),
    _masking("corrected-without-bodies", functions.corrected_mask, LOG_BODY=False),
    _masking("that-returns-the-event", functions.same),
    _masking("that-returns-nothing", functions.nothing),
    _masking("that-returns-text", functions.text),
    _masking("that-raises", functions.raising, GET_METADATA=returning({"secret": 1}), GET_SESSION_TOKEN=returning("t")),
    _masking("that-raises-after-a-change", functions.raising_after_a_change),
    _masking("that-removes-bodies", functions.removing_bodies),
    _masking("that-removes-a-header", functions.removing_a_header),
    _masking("that-removes-a-header-in-upper-case", functions.removing_a_header_in_upper_case),
    _masking("that-removes-a-header-that-must-be-there", functions.removing_a_header_that_must_be_there),
    _masking("that-removes-all-headers", functions.removing_all_headers),
    _masking("that-rewrites", functions.rewriting),
    _masking("that-rewrites-bodies", functions.rewriting_bodies),
    _masking("that-looks-at-types", functions.looking_at_types),
    _masking("that-replaces-the-response", functions.replacing_the_response),
    _masking("that-returns-a-copy", functions.returning_a_copy),
    _masking("that-adds-a-date", functions.adding_a_date),
    _masking("that-adds-a-set", functions.adding_a_set),
    _masking("that-changes-the-weight", functions.changing_the_weight),
    _masking("that-removes-the-response", functions.removing_the_response),
]
