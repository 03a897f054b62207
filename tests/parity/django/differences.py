"""Every way in which our recording of an exchange with a Django project may differ from upstream's: the whole list."""

from __future__ import annotations

from tests.parity.differences import ARCHITECTURE, CONTRACT, GUARANTEES, OPTIONS, Difference
from tests.parity.django import predicates
from tests.parity.predicates import bodies, callers, functions, heads, masks, options

DIFFERENCES = [
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
        "the event's key is the id in the response",
        (CONTRACT, "B-TX"),
        "A user who reports the id of a response can be told which event it was.",
        heads.key_is_the_header,
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
        "JSON after white space or a byte order mark", (CONTRACT, "B6"), "It is JSON.", bodies.json_in_white_space
    ),
    Difference("gzipped JSON", (CONTRACT, "B6"), "It is recorded as JSON.", bodies.gzipped_json),
    Difference("deflated bodies", (CONTRACT, "undone where that is possible"), "They are inflated.", bodies.deflated),
    Difference(
        "bodies compressed twice",
        (CONTRACT, "undone where that is possible"),
        "Every coding is undone.",
        bodies.compressed_twice,
    ),
    Difference(
        "deeply nested JSON", (ARCHITECTURE, "nested deeper than 100"), "It is sent as base64.", bodies.nested_deep
    ),
    Difference("numbers that are none", (GUARANTEES, "I-28"), "NaN and Infinity are not sent.", bodies.no_json_number),
    Difference(
        "bodies beyond the limit", (CONTRACT, "A body beyond the limit"), "A prefix, marked.", bodies.beyond_the_limit
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
    Difference("UTF-8 in headers", (CONTRACT, "as UTF-8"), "It is read as UTF-8.", heads.header_text),
    Difference("variables that are empty", (GUARANTEES, "I-11"), "They stand for no header.", heads.empty_variable),
    Difference("addresses", (GUARANTEES, "I-26"), "Every spelling is understood, and one is used.", callers.address),
    Difference("tokens in the URL's alphabet", (CONTRACT, "B7"), "They are read.", callers.token_alphabet),
    Difference("values of tokens", (CONTRACT, "B7"), "Null is nobody.", callers.token_value),
    Difference("basic credentials of nobody", (GUARANTEES, "I-25"), "No name is no user.", callers.basic_of_nobody),
    Difference("schemes", (GUARANTEES, "I-25"), "They stand at the start, in any case.", callers.scheme),
    Difference("the next header", (GUARANTEES, "I-25"), "It is tried when one yields nothing.", predicates.next_header),
    Difference("None and the empty text", (OPTIONS, 'mean "not set"'), "The default holds.", options.not_set),
    Difference("names as a list", (OPTIONS, "AUTHORIZATION_HEADER_NAME"), "A list is taken.", options.names_as_list),
    Difference("session tokens", (CONTRACT, "B25"), "GET_SESSION_TOKEN wins.", predicates.session_token),
    Difference(
        "headers that are not recorded", (CONTRACT, "B26"), "They name the user all the same.", predicates.masked_header
    ),
    Difference("no users in the project", (CONTRACT, "B25"), "Headers are looked at.", predicates.without_users),
    Difference(
        "an IDENTIFY_USER that fails", (GUARANTEES, "I-19"), "The next way is tried.", predicates.failing_identify_user
    ),
    Difference("ids that are no text", (CONTRACT, "B37"), "They become text.", functions.id_as_text),
    Difference("masks that fail", (GUARANTEES, "I-24"), "The event is sent stripped.", masks.mask_fails),
]
