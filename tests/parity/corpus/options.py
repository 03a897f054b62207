"""Exchanges with options that are values."""

from __future__ import annotations

from typing import Any

from tests.parity import applications, functions
from tests.parity.exchange import Answer, Exchange

SECRETS = b'{"password": "s3cr3t", "kept": {"password": 1, "b": 2}}'
ANSWER = Answer((SECRETS,), (("Content-Type", "application/json"), ("Set-Cookie", "a=1"), ("X-A", "1")))


def _with(name: str, **options: Any) -> Exchange:
    return Exchange(
        f"option-{name}",
        "POST",
        SECRETS,
        variables={
            "QUERY_STRING": "token=s3cr3t&page=2",
            "HTTP_X_SECRET": "s3cr3t",
            "HTTP_AUTHORIZATION": "Basic YW5uOng=",
        },
        answer=ANSWER,
        options=options,
    )


def _batch(name: str, metadata: str = "documented") -> Exchange:
    options = {
        "BATCH_SIZE": 3,
        "GET_METADATA": _metadata_of_the_exchange,
    }
    return Exchange(f"batch-{name}", variables={"HTTP_X_METADATA": metadata}, options=options)


def _metadata_of_the_exchange(_app: Any, environ: dict[str, Any]) -> Any:
    return functions.METADATA[environ["HTTP_X_METADATA"]]


EXCHANGES = [
    _with("log-body", LOG_BODY=True),
    _with("log-body-false", LOG_BODY=False),
    _with("log-body-none", LOG_BODY=None),
    _with("log-body-zero", LOG_BODY=0),
    _with("log-body-text", LOG_BODY="false"),
    Exchange(
        "option-log-body-false-stream",
        application=applications.as_generator,
        answer=ANSWER,
        options={"LOG_BODY": False},
    ),
    _with("api-version", API_VERSION="2.1"),
    _with("api-version-empty", API_VERSION=""),
    _with("api-version-none", API_VERSION=None),
    _with("disabled-transaction-id", DISABLED_TRANSACTION_ID=True),
    _with("disabled-transaction-id-false", DISABLED_TRANSACTION_ID=False),
    _with("disable-transaction-id", DISABLE_TRANSACTION_ID=True),
    Exchange(
        "option-disabled-transaction-id-with-one",
        variables={"HTTP_X_MOESIF_TRANSACTION_ID": "mine"},
        options={"DISABLED_TRANSACTION_ID": True},
    ),
    _with("debug", DEBUG=True),
    _with("debug-false", DEBUG=False),
    _with("local-debug", LOCAL_DEBUG=True),
    _with("request-header-masks", REQUEST_HEADER_MASKS=["X-Secret", "authorization"]),
    _with("response-header-masks", RESPONSE_HEADER_MASKS=["set-cookie"]),
    _with("request-body-masks", REQUEST_BODY_MASKS=["password"]),
    _with("response-body-masks", RESPONSE_BODY_MASKS=["password"]),
    _with("request-query-masks", REQUEST_QUERY_MASKS=["token"]),
    _with("request-max-body-size", REQUEST_MAX_BODY_SIZE=20),
    _with("response-max-body-size", RESPONSE_MAX_BODY_SIZE=20),
    Exchange(
        "option-read-request-body-first",
        "POST",
        SECRETS,
        reads="none",
        application=applications.noting_request_body,
        options={"READ_REQUEST_BODY_FIRST": True},
    ),
    _with("capture-outgoing-false", CAPTURE_OUTGOING_REQUESTS=False),
    _with("local-moesif-baseurl-unused", LOCAL_MOESIF_BASEURL="http://127.0.0.1:1"),
    _with("of-old-packages", USE_CELERY=True, CELERY_BROKER_URL="redis://localhost"),
    _with("unknown", NO_SUCH_OPTION=1),
    _with("queue", EVENT_QUEUE_SIZE=1000, EVENT_WORKER_COUNT=1, EVENT_BATCH_TIMEOUT=0.1),
    _batch("of-three-first"),
    _batch("of-three-second"),
    _batch("of-three-third"),
    _batch("with-a-poisoned-event-first"),
    _batch("with-a-poisoned-event", "set"),
    _batch("with-a-poisoned-event-third"),
]
