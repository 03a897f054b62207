"""Exchanges with a Django project: exchanges for WSGI that also make sense here, and some for Django only."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from tests.parity import functions as wsgi_functions
from tests.parity.corpus import addresses, bodies, identity, requests
from tests.parity.django import functions
from tests.parity.django.exchange import DjangoExchange
from tests.parity.exchange import Answer, Exchange

JSON = "application/json"
SECRETS = b'{"password": "s3cr3t", "kept": {"password": 1, "b": [{"password": 2}]}}'
ANSWER = Answer((SECRETS,), (("Content-Type", JSON), ("X-A", "1")))
NAMED = {"HTTP_X_USER": "bob", "HTTP_AUTHORIZATION": "Basic YW5uYTp4"}


def _of_wsgi(exchange: Exchange) -> DjangoExchange:
    return DjangoExchange(**{field.name: getattr(exchange, field.name) for field in fields(Exchange)})


def _option(name: str, **options: Any) -> DjangoExchange:
    return DjangoExchange(
        f"option-{name}",
        "POST",
        SECRETS,
        variables={"CONTENT_TYPE": JSON, "QUERY_STRING": "token=s3cr3t", "HTTP_X_SECRET": "s3cr3t", **NAMED},
        answer=ANSWER,
        options=options,
    )


def _identity(name: str, **fields: Any) -> DjangoExchange:
    options = fields.pop("options", {})
    return DjangoExchange(f"user-{name}", options=options, **{"variables": NAMED, **fields})


#: Exchanges that no server passes to a Django project: odd server variables and hosts.
SERVER_ONLY = ("url-host-missing", "url-path-missing", "url-mount-point", "url-http-1.0", "url-host-empty")
OF_WSGI = [
    _of_wsgi(exchange)
    for exchange in (*bodies.EXCHANGES, *requests.EXCHANGES, *addresses.EXCHANGES, *identity.EXCHANGES)
    if exchange.application is None
    and exchange.taken is None
    and exchange.reads != "half"
    and not exchange.name.startswith(("length-", *SERVER_ONLY))
]

HELLO = Answer((b"hello ", b"world"), (("Content-Type", "text/plain"), ("X-A", "1")))
UPLOAD = {"CONTENT_TYPE": "multipart/form-data; boundary=frontier"}

ANSWERS = [
    *(
        DjangoExchange(f"status-{code}", answer=Answer(status=f"{code} Any"))
        for code in (201, 204, 301, 304, 400, 404, 418, 429, 500, 503, 599)
    ),
    DjangoExchange("way-stream", way="stream", answer=HELLO),
    DjangoExchange("way-stream-left-early", way="stream", answer=HELLO, taken=1),
    DjangoExchange("way-stream-of-json", way="stream", answer=ANSWER),
    DjangoExchange("way-file", way="file", answer=HELLO),
    DjangoExchange("way-cookies", way="cookies", answer=HELLO),
    DjangoExchange("way-failing", way="failing"),
    DjangoExchange("way-form", "POST", bodies.MULTIPART, way="content", reads="form", variables=UPLOAD),
    DjangoExchange(
        "way-form-urlencoded",
        "POST",
        b"a=1&b=2",
        reads="form",
        variables={"CONTENT_TYPE": "application/x-www-form-urlencoded"},
    ),
    DjangoExchange("way-document", "POST", SECRETS, way="document", variables={"CONTENT_TYPE": JSON}),
    DjangoExchange("way-unread", "POST", SECRETS, reads="none", variables={"CONTENT_TYPE": JSON}),
    DjangoExchange("way-its-own-id", answer=Answer(headers=(("X-Moesif-Transaction-Id", "its own"),))),
]

OPTIONS = [
    _option("log-body", LOG_BODY=True),
    _option("log-body-false", LOG_BODY=False),
    _option("api-version", API_VERSION="2.1"),
    _option("disable-transaction-id", DISABLE_TRANSACTION_ID=True),
    _option("batch-size", BATCH_SIZE=3),
    _option("queue-size", EVENT_QUEUE_SIZE=10),
    _option("request-header-masks", REQUEST_HEADER_MASKS=["X-Secret"]),
    _option("request-header-masks-in-lower-case", REQUEST_HEADER_MASKS=["x-secret", "authorization"]),
    _option("response-header-masks", RESPONSE_HEADER_MASKS=["x-a"]),
    _option("request-body-masks", REQUEST_BODY_MASKS=["password"]),
    _option("response-body-masks", RESPONSE_BODY_MASKS=["password"]),
    _option("body-masks-that-match-nothing", REQUEST_BODY_MASKS=["absent"], RESPONSE_BODY_MASKS=[]),
    _option("authorization-header", AUTHORIZATION_HEADER_NAME="X-User, Authorization"),
]

FUNCTIONS = [
    _option("identify-user", IDENTIFY_USER=functions.user_from_header),
    _option("identify-user-of-the-status", IDENTIFY_USER=functions.user_from_status),
    _option("identify-user-of-nobody", IDENTIFY_USER=wsgi_functions.returning(None)),
    _option("identify-user-of-a-number", IDENTIFY_USER=wsgi_functions.returning(42)),
    _option("identify-user-that-reads", IDENTIFY_USER=functions.reading_the_body),
    _option("identify-user-that-fails", IDENTIFY_USER=wsgi_functions.raising),
    _option("identify-user-as-documented", IDENTIFY_USER=functions.documented_identify_user),
    _option("identify-company", IDENTIFY_COMPANY=wsgi_functions.returning("67890")),
    _option("identify-company-that-fails", IDENTIFY_COMPANY=wsgi_functions.raising),
    _option("session-token", GET_SESSION_TOKEN=wsgi_functions.returning("XXXXXXXXXXXXXX")),
    _option("session-token-that-fails", GET_SESSION_TOKEN=wsgi_functions.raising),
    _option("metadata", GET_METADATA=functions.metadata),
    _option("metadata-documented", GET_METADATA=wsgi_functions.returning(wsgi_functions.METADATA["documented"])),
    _option("metadata-that-fails", GET_METADATA=wsgi_functions.raising),
    _option("metadata-that-sets-a-header", GET_METADATA=functions.setting_a_header),
    _option("skip", SKIP=wsgi_functions.returning("yes")),
    _option("skip-not", SKIP=functions.documented_skip),
    _option("skip-that-fails", SKIP=wsgi_functions.raising),
    _option("mask-documented", MASK_EVENT_MODEL=wsgi_functions.documented_mask),
    _option("mask-that-changes-nothing", MASK_EVENT_MODEL=wsgi_functions.same),
    _option("mask-that-removes-bodies", MASK_EVENT_MODEL=wsgi_functions.removing_bodies),
    _option("mask-that-fails-at-once", MASK_EVENT_MODEL=wsgi_functions.raising),
    _option("mask-that-fails", MASK_EVENT_MODEL=wsgi_functions.raising_after_a_change),
    _option("mask-that-returns-nothing", MASK_EVENT_MODEL=wsgi_functions.nothing),
]

TOKEN = {"GET_SESSION_TOKEN": wsgi_functions.returning("of the function")}
EVERY = {
    "IDENTIFY_USER": wsgi_functions.returning("of the function"),
    "IDENTIFY_COMPANY": wsgi_functions.returning("acme"),
    "GET_METADATA": functions.metadata,
    **TOKEN,
}

USERS = [
    _identity("of-nobody", variables={}),
    _identity("of-a-header"),
    _identity("of-a-session", has_session=True),
    _identity("of-a-session-looked-at", has_session=True, way="user"),
    _identity("of-a-session-that-is-read", has_session=True, way="session"),
    _identity("of-an-unknown-session", variables={"HTTP_COOKIE": "sessionid=unknown", **NAMED}),
    _identity("of-nobody-looked-at", way="user"),
    _identity("of-a-function-in-a-session", has_session=True, options=EVERY),
    _identity("token-of-a-function-in-a-session", has_session=True, options=TOKEN),
    _identity("without-users", has_users=False),
    _identity("without-users-every-function", has_users=False, options=EVERY),
    _identity("without-users-a-failing-function", has_users=False, options={"IDENTIFY_USER": wsgi_functions.raising}),
]

EXCHANGES = [*OF_WSGI, *ANSWERS, *OPTIONS, *FUNCTIONS, *USERS]
