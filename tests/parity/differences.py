"""Every way in which our recording of an exchange with a WSGI application may differ from upstream's: the whole list.

Each finding is explained by exactly one entry, and an entry that explains nothing has to go.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.parity.predicates import bodies, callers, functions, heads, masks, options, responses

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.parity.compare import Finding

CONTRACT = "docs/wire-contract.md"
GUARANTEES = "docs/guarantees.md"
OPTIONS = "docs/options.md"
ARCHITECTURE = "docs/architecture.md"


@dataclass(frozen=True)
class Difference:
    """One reviewed difference."""

    name: str
    #: The page it rests on, and what to look for on that page.
    cites: tuple[str, str]
    #: What is right, or what we do.
    why: str
    explains: Callable[[Finding], bool]


#: Those of the Django packages as well.
OF_BOTH = [
    Difference(
        "the event's key is the id in the response",
        (CONTRACT, "B-TX"),
        "A user who reports the id of a response can be told which event it was.",
        heads.key_is_the_header,
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
    Difference("UTF-8 in headers", (CONTRACT, "as UTF-8"), "It is read as UTF-8.", heads.header_text),
    Difference("variables that are empty", (GUARANTEES, "I-11"), "They stand for no header.", heads.empty_variable),
    Difference("addresses", (GUARANTEES, "I-26"), "Every spelling is understood, and one is used.", callers.address),
    Difference("tokens in the URL's alphabet", (CONTRACT, "B7"), "They are read.", callers.token_alphabet),
    Difference("values of tokens", (CONTRACT, "B7"), "Null is nobody.", callers.token_value),
    Difference("basic credentials of nobody", (GUARANTEES, "I-25"), "No name is no user.", callers.basic_of_nobody),
    Difference("schemes", (GUARANTEES, "I-25"), "They stand at the start, in any case.", callers.scheme),
    Difference("None and the empty text", (OPTIONS, 'mean "not set"'), "The default holds.", options.not_set),
    Difference("names as a list", (OPTIONS, "AUTHORIZATION_HEADER_NAME"), "A list is taken.", options.names_as_list),
    Difference("ids that are no text", (CONTRACT, "B37"), "They become text.", functions.id_as_text),
    Difference("masks that fail", (GUARANTEES, "I-24"), "The event is sent stripped.", masks.mask_fails),
]

DIFFERENCES = [
    *OF_BOTH,
    Difference(
        "an odd transaction id of the client is replaced",
        (CONTRACT, "Transaction ids"),
        "Beyond 64 characters, or with others than letters, digits and . _ -.",
        heads.odd_transaction_id,
    ),
    Difference(
        "a transaction id of the application stays the only one",
        (CONTRACT, "Transaction ids"),
        "Upstream sends two.",
        heads.transaction_id_of_the_application,
    ),
    Difference("sizes of bodies", (CONTRACT, "content_length"), "Upstream does not record them.", heads.content_length),
    Difference(
        "a length that is no number", (CONTRACT, "B4"), "The call is served and recorded.", bodies.length_no_number
    ),
    Difference("a length of zero", (CONTRACT, "B5"), "There is no body.", bodies.length_zero),
    Difference(
        "what stands after the announced length",
        (GUARANTEES, "I-10"),
        "The application reads what the server lets it read.",
        bodies.reads_beyond_the_length,
    ),
    Difference(
        "a body shorter than announced",
        (CONTRACT, "less came than was announced"),
        "What came is a prefix, marked.",
        bodies.shorter_than_announced,
    ),
    Difference("a body without a length", (CONTRACT, "B39"), "It is recorded as it is read.", bodies.without_a_length),
    Difference(
        "a body the application does not read",
        (ARCHITECTURE, "recorded as the application reads"),
        "READ_REQUEST_BODY_FIRST reads it first.",
        bodies.unread,
    ),
    Difference(
        "moesif.request_body before the application",
        (ARCHITECTURE, "recorded as the application reads"),
        "READ_REQUEST_BODY_FIRST has it there.",
        bodies.request_body_in_environ,
    ),
    Difference("the URI", (CONTRACT, "B1"), "It is a valid URI, and the one that was asked for.", heads.uri),
    Difference("headers sent twice", (CONTRACT, "B8"), "Their values are joined.", heads.joined),
    Difference("no REMOTE_ADDR", (CONTRACT, "B3"), "The call is served and recorded.", callers.peer_missing),
    Difference(
        "X-Forwarded-For without an address", (CONTRACT, "B2"), "It is passed over.", callers.address_that_is_bytes
    ),
    Difference("the next header", (GUARANTEES, "I-25"), "It is tried when one yields nothing.", callers.next_header),
    Difference("streams", (CONTRACT, "B12"), "A chunk leaves before the next one is made.", responses.streams),
    Difference("the time of a response", (GUARANTEES, "I-27"), "That of its end.", responses.response_time),
    Difference("what is handed to write", (CONTRACT, "B12"), "It is recorded.", responses.written),
    Difference("the response object", (GUARANTEES, "I-8"), "It has a length if it had one.", responses.same_object),
    Difference(
        "file wrappers", (GUARANTEES, "I-8"), "The server gets its own and sends it its way.", responses.file_wrapper
    ),
    Difference("the list of headers", (CONTRACT, "B14"), "The application's own stays as it is.", responses.own_list),
    Difference("exc_info by its name", (GUARANTEES, "I-9"), "It is passed on.", responses.exc_info_by_keyword),
    Difference("applications that fail", (GUARANTEES, "I-19"), "They leave an event.", responses.application_fails),
    Difference("flags as text", (OPTIONS, "one of the words"), "'false' is false.", options.flag_as_text),
    Difference(
        "DISABLE_TRANSACTION_ID", (OPTIONS, "DISABLE_TRANSACTION_ID"), "Either spelling works.", options.other_spelling
    ),
    Difference("lists of masks", (OPTIONS, "REQUEST_BODY_MASKS"), "They work here too.", options.mask_lists),
    Difference("calls of functions", (CONTRACT, "B17"), "Each is called once.", functions.called_once),
    Difference("ids that are false", (GUARANTEES, "I-25"), "They are nobody's.", functions.id_of_nobody),
    Difference("ids that are too long", (GUARANTEES, "I-14"), "They are not recorded.", functions.id_too_long),
    Difference("functions of two parameters", (OPTIONS, "two parameters"), "They work.", functions.two_parameters),
    Difference("wsgi.input in functions", (CONTRACT, "B40"), "It can be read again.", functions.readable_again),
    Difference(
        "metadata that is no object", (CONTRACT, "metadata, span"), "It is left out.", functions.metadata_is_an_object
    ),
    Difference("values JSON does not have", (CONTRACT, "B35"), "They cost no event.", functions.poisoned),
    Difference(
        "masks that return no event", (CONTRACT, "B13"), "The event is sent stripped.", masks.mask_returns_no_event
    ),
    Difference("masks that spell headers otherwise", (GUARANTEES, "I-24"), "They find them.", masks.mask_in_upper_case),
]
