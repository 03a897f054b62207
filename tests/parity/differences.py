"""Lists every allowed difference between our record of a WSGI exchange and upstream's.

Exactly one entry explains each finding. An entry that explains nothing must be removed. docs/migrating.md describes
each entry to users: its row has the same name and the same reason (tests/parity/test_migrating.py).
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


@dataclass(frozen=True)
class Difference:
    """One reviewed difference."""

    #: The first cell of its row in docs/migrating.md.
    name: str
    #: The page that specifies our behaviour, and a phrase on that page.
    cites: tuple[str, str]
    #: The reason for our behaviour, as the row gives it.
    why: str
    #: Returns whether this difference accounts for a finding.
    explains: Callable[[Finding], bool]


#: Differences that both middlewares have.
SHARED = [
    Difference(
        "Id of the event",
        (CONTRACT, "B-TX"),
        "The event can be found by the id that the client sees.",
        heads.event_id_is_the_header,
    ),
    Difference(
        "JSON after white space",
        (CONTRACT, "B6"),
        "White space and a byte order mark do not change the document.",
        bodies.json_after_white_space,
    ),
    Difference("Gzipped JSON", (CONTRACT, "B6"), "The content is JSON.", bodies.gzipped_json),
    Difference(
        "Deflated bodies",
        (CONTRACT, "undone where that is possible"),
        "The content can then be read and masked.",
        bodies.deflated,
    ),
    Difference(
        "Bodies compressed twice",
        (CONTRACT, "undone where that is possible"),
        "The content can then be read and masked.",
        bodies.compressed_twice,
    ),
    Difference(
        "Deeply nested JSON",
        (CONTRACT, "nested deeper than 100"),
        "A JSON parser may refuse a whole batch because of it.",
        bodies.nested_deeply,
    ),
    Difference("NaN and infinity", (GUARANTEES, "I-28"), "JSON has no such numbers.", bodies.not_a_json_number),
    Difference(
        "Large bodies",
        (CONTRACT, "A body beyond the limit"),
        "Collectors cut or refuse events beyond about 1 MB.",
        bodies.beyond_the_limit,
    ),
    Difference("UTF-8 in headers", (CONTRACT, "as UTF-8"), "The text stays readable.", heads.utf_8_text),
    Difference(
        "Empty `CONTENT_TYPE` and `CONTENT_LENGTH`",
        (GUARANTEES, "I-11"),
        "PEP 3333: an empty variable means that there was no header.",
        heads.empty_variable,
    ),
    Difference(
        "Client addresses",
        (GUARANTEES, "I-26"),
        "Proxies write addresses in many ways.",
        callers.address,
    ),
    Difference(
        "URL-safe tokens",
        (CONTRACT, "B7"),
        "JSON Web Tokens use this alphabet.",
        callers.url_safe_token,
    ),
    Difference(
        "Null and objects in tokens",
        (CONTRACT, "B7"),
        "They do not name a user.",
        callers.value_in_token,
    ),
    Difference(
        "Basic credentials without a name",
        (GUARANTEES, "I-25"),
        "An empty name is no user.",
        callers.basic_without_name,
    ),
    Difference(
        "Authorization schemes",
        (GUARANTEES, "I-25"),
        "HTTP compares schemes in any case.",
        callers.scheme,
    ),
    Difference(
        "Next authorization header",
        (GUARANTEES, "I-25"),
        "The list is a list of alternatives.",
        callers.next_header,
    ),
    Difference(
        "Options that are `None` or empty text",
        (OPTIONS, "`None`"),
        "Settings often come from variables that may be missing.",
        options.not_set,
    ),
    Difference(
        "Header names as a list",
        (OPTIONS, "AUTHORIZATION_HEADER_NAME"),
        "A list is the natural form for several names.",
        options.names_as_list,
    ),
    Difference("Ids that are not text", (CONTRACT, "B37"), "The API defines ids as text.", functions.id_as_text),
    Difference(
        "Mask functions that fail",
        (GUARANTEES, "I-24"),
        "Data that should have been masked must not leave.",
        masks.mask_fails,
    ),
    Difference(
        "Unread request bodies",
        (GUARANTEES, "recorded as the application reads"),
        "Reading first makes the application wait for the client.",
        bodies.unread,
    ),
]

DIFFERENCES = [
    *SHARED,
    Difference(
        "Body sizes",
        (CONTRACT, "content_length"),
        "The size is known even if the body is cut or not recorded.",
        heads.content_length,
    ),
    Difference(
        "Transaction id sent by the client",
        (CONTRACT, "Transaction ids"),
        "A client must not put any text it likes into responses.",
        heads.unsafe_transaction_id,
    ),
    Difference(
        "Transaction id set by the application",
        (CONTRACT, "Transaction ids"),
        "A response has one transaction id.",
        heads.transaction_id_of_the_application,
    ),
    Difference(
        "`CONTENT_LENGTH` that is not a number",
        (CONTRACT, "B4"),
        "Recording must not make a request fail.",
        bodies.length_not_a_number,
    ),
    Difference("`CONTENT_LENGTH` of 0", (CONTRACT, "B5"), "There is no body.", bodies.length_zero),
    Difference(
        "Bytes after the announced length",
        (GUARANTEES, "I-10"),
        "The server decides where a body ends.",
        bodies.reads_beyond_the_length,
    ),
    Difference(
        "Request bodies shorter than announced",
        (CONTRACT, "shorter than announced"),
        "The record shows that the body is incomplete.",
        bodies.shorter_than_announced,
    ),
    Difference(
        "Request bodies without a length",
        (CONTRACT, "B39"),
        "Chunked requests have bodies too.",
        bodies.without_a_length,
    ),
    Difference(
        "`moesif.request_body` in `environ`",
        (GUARANTEES, "recorded as the application reads"),
        "Reading first makes the application wait for the client.",
        bodies.request_body_in_environ,
    ),
    Difference("Recorded URI", (CONTRACT, "B1"), "It is the URI that the client requested.", heads.uri),
    Difference(
        "Repeated response headers",
        (CONTRACT, "B8"),
        "The API defines repeated headers as joined values.",
        heads.joined,
    ),
    Difference(
        "Requests without `REMOTE_ADDR`",
        (CONTRACT, "B3"),
        "Servers on Unix sockets send none.",
        callers.no_peer_address,
    ),
    Difference(
        "`X-Forwarded-For` without an address",
        (CONTRACT, "B2"),
        "A client must not be able to make events disappear.",
        callers.address_in_bytes,
    ),
    Difference(
        "Streaming responses",
        (CONTRACT, "B12"),
        "A client of a stream waits for each chunk.",
        responses.streams,
    ),
    Difference(
        "Time of the response",
        (GUARANTEES, "I-27"),
        "The duration that a user sees includes the body.",
        responses.response_time,
    ),
    Difference("Output of `write`", (CONTRACT, "B12"), "It is part of the response.", responses.written),
    Difference(
        "Response object",
        (GUARANTEES, "I-8"),
        "Servers may use the length, for example for `Content-Length`.",
        responses.same_object,
    ),
    Difference(
        "Files sent with `wsgi.file_wrapper`",
        (GUARANTEES, "I-8"),
        "The server can then use the operating system to send the file.",
        responses.file_wrapper,
    ),
    Difference(
        "Header list of the application",
        (CONTRACT, "B14"),
        "An application may use one list for all its responses.",
        responses.own_header_list,
    ),
    Difference(
        "`exc_info` as a keyword",
        (GUARANTEES, "I-9"),
        "Applications may call `start_response` that way.",
        responses.exc_info_by_keyword,
    ),
    Difference(
        "Applications that raise",
        (GUARANTEES, "I-19"),
        "The record should show failures.",
        responses.application_raises,
    ),
    Difference("Flags as text", (OPTIONS, "LOG_BODY"), "Flags may come from the environment.", options.flag_as_text),
    Difference(
        "`DISABLE_TRANSACTION_ID`",
        (OPTIONS, "DISABLE_TRANSACTION_ID"),
        "The two packages spell it differently.",
        options.other_spelling,
    ),
    Difference(
        "Lists of masks",
        (OPTIONS, "REQUEST_BODY_MASKS"),
        "Both middlewares have the same options.",
        options.mask_lists,
    ),
    Difference(
        "Calls of identifying functions",
        (CONTRACT, "B17"),
        "A function may be slow or have effects.",
        functions.called_once,
    ),
    Difference("Empty ids and 0", (GUARANTEES, "I-25"), "They identify nobody.", functions.false_id),
    Difference(
        "Very long ids",
        (GUARANTEES, "I-14"),
        "Memory is bounded, and a collector would refuse the event.",
        functions.id_too_long,
    ),
    Difference(
        "Functions with two parameters",
        (OPTIONS, "IDENTIFY_USER"),
        "Old examples define functions like that.",
        functions.two_parameters,
    ),
    Difference(
        "`wsgi.input` in functions",
        (CONTRACT, "B40"),
        "Some functions look for the user in the body.",
        functions.input_readable_again,
    ),
    Difference(
        "Metadata that is not an object",
        (CONTRACT, "metadata, span"),
        "The API defines metadata as an object.",
        functions.metadata_is_an_object,
    ),
    Difference(
        "Values that JSON does not have",
        (CONTRACT, "B35"),
        "One value must not cost a batch.",
        functions.not_json,
    ),
    Difference(
        "Mask functions that return no event",
        (CONTRACT, "B13"),
        "Data that should have been masked must not leave.",
        masks.mask_returns_no_event,
    ),
    Difference(
        "Header names in mask functions",
        (GUARANTEES, "I-24"),
        "A mask with another spelling must not miss a secret.",
        masks.mask_in_upper_case,
    ),
]
