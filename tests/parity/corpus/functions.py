"""Exchanges with options that are functions, except masks."""

from __future__ import annotations

from typing import Any

from tests.parity import functions
from tests.parity.exchange import Answer, Exchange
from tests.parity.functions import METADATA, Identifier, raising, returning

RESULTS: dict[str, Any] = {
    "text": "u-1",
    "empty": "",
    "none": None,
    "number": 12345,
    "zero": 0,
    "fraction": 1.5,
    "true": True,
    "false": False,
    "list": ["a", 1],
    "dict": {"id": "a"},
    "bytes": b"u-1",
    "unicode": "ännä ☃",
    "long": "x" * 1000,
    "too-long": "x" * 5000,
}
FIELDS = {"IDENTIFY_USER": "user", "IDENTIFY_COMPANY": "company", "GET_SESSION_TOKEN": "session-token"}
USER = {"HTTP_X_USER": "ann", "HTTP_AUTHORIZATION": "Basic Ym9iOng="}
ANSWER = Answer((b'{"answer": 1}',), (("Content-Type", "application/json"), ("X-User", "of the answer")))
ANSWER_WITH_A_HEADER_TWICE = Answer(headers=(("X-Twice", "1"), ("X-Twice", "2")))


def _calling(name: str, body: bytes | None = None, **options: Any) -> Exchange:
    return Exchange(
        f"function-{name}",
        "GET" if body is None else "POST",
        body,
        variables=USER,
        answer=ANSWER,
        options=options,
    )


IDENTIFIERS: dict[str, Any] = {
    "documented": functions.documented_identify_user,
    "of-two-parameters": functions.of_two_parameters,
    "of-the-response-headers": functions.from_response_headers,
    "of-the-names-of-headers": functions.naming_response_headers,
    "of-an-object": Identifier(),
    "of-a-method": Identifier().method,
    "of-a-lambda": lambda _app, environ, _response_headers: environ["HTTP_X_USER"],
    "of-the-body": functions.reading_the_body,
    "raising": raising,
}

EXCHANGES = [
    *(
        _calling(f"{field}-{name}", **{option: returning(result)})
        for option, field in FIELDS.items()
        for name, result in RESULTS.items()
    ),
    *(
        _calling(f"{FIELDS[option]}-{name}", b'{"user": "ann"}', **{option: function})
        for option in ("IDENTIFY_USER", "IDENTIFY_COMPANY")
        for name, function in IDENTIFIERS.items()
    ),
    *(
        Exchange(
            f"function-{FIELDS[option]}-of-a-header-sent-twice",
            answer=ANSWER_WITH_A_HEADER_TWICE,
            options={option: functions.joining_response_headers},
        )
        for option in ("IDENTIFY_USER", "IDENTIFY_COMPANY")
    ),
    _calling("session-token-raising", GET_SESSION_TOKEN=raising),
    *(_calling(f"metadata-{name}", GET_METADATA=returning(value)) for name, value in METADATA.items()),
    _calling("metadata-raising", GET_METADATA=raising),
    _calling("metadata-of-its-application", GET_METADATA=functions.showing_its_application),
    _calling("metadata-of-environ", GET_METADATA=functions.showing_environ),
    _calling("metadata-of-environ-json", b'{"a": [1, null]}', GET_METADATA=functions.showing_environ),
    _calling("metadata-of-environ-text", b"text", GET_METADATA=functions.showing_environ),
    _calling("metadata-of-environ-scalar", b"5", GET_METADATA=functions.showing_environ),
    *(_calling(f"skip-{name}", SKIP=returning(result)) for name, result in RESULTS.items() if name != "too-long"),
    _calling("skip-raising", SKIP=raising),
    Exchange("function-skip-by-path", path="/health/probe", options={"SKIP": functions.skipping_health}),
    Exchange("function-skip-by-path-kept", path="/health", options={"SKIP": functions.skipping_health}),
    _calling(
        "all-together",
        b'{"a": 1}',
        SKIP=returning(value=False),
        IDENTIFY_USER=returning("u"),
        IDENTIFY_COMPANY=returning("c"),
        GET_METADATA=returning(METADATA["documented"]),
        GET_SESSION_TOKEN=returning("t"),
        MASK_EVENT_MODEL=functions.same,
    ),
    _calling(
        "all-raising",
        SKIP=raising,
        IDENTIFY_USER=raising,
        IDENTIFY_COMPANY=raising,
        GET_METADATA=raising,
        GET_SESSION_TOKEN=raising,
    ),
    _calling("all-none", **dict.fromkeys(["SKIP", *FIELDS, "GET_METADATA", "MASK_EVENT_MODEL"])),
]
