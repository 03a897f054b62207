"""The settings dictionary as a type. Written by `make docs` from the option table in the Rust core."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypedDict


class MoesifSettings(TypedDict, total=False):
    """Every option. The options page of the documentation explains them. Only APPLICATION_ID is required."""

    APPLICATION_ID: str | None
    BASE_URI: str | None
    IDENTIFY_USER: Callable[..., Any] | None
    SKIP: Callable[..., Any] | None
    LOG_BODY: bool | None
    IDENTIFY_COMPANY: Callable[..., Any] | None
    GET_SESSION_TOKEN: Callable[..., Any] | None
    GET_METADATA: Callable[..., Any] | None
    AUTHORIZATION_HEADER_NAME: Sequence[str] | str | None
    AUTHORIZATION_USER_ID_FIELD: str | None
    MASK_EVENT_MODEL: Callable[..., Any] | None
    REQUEST_HEADER_MASKS: Sequence[str] | str | None
    RESPONSE_HEADER_MASKS: Sequence[str] | str | None
    REQUEST_BODY_MASKS: Sequence[str] | str | None
    RESPONSE_BODY_MASKS: Sequence[str] | str | None
    REQUEST_QUERY_MASKS: Sequence[str] | str | None
    SENSITIVE_DATA: str | None
    SENSITIVE_DATA_KEY: str | None
    BATCH_SIZE: int | None
    BATCH_BYTES: int | None
    EVENT_BATCH_TIMEOUT: float | None
    EVENT_WORKER_COUNT: int | None
    FLUSH_TIMEOUT: float | None
    CONNECT_TIMEOUT: float | None
    REQUEST_TIMEOUT: float | None
    SPOOL_DIR: str | None
    SPOOL_MAX_BYTES: int | None
    REQUEST_MAX_BODY_SIZE: int | None
    RESPONSE_MAX_BODY_SIZE: int | None
    EVENT_QUEUE_SIZE: int | None
    EVENT_QUEUE_BYTES: int | None
    DJANGO_USER: str | None
    CAPTURE_OUTGOING_REQUESTS: bool | None
    IDENTIFY_USER_OUTGOING: Callable[..., Any] | None
    IDENTIFY_COMPANY_OUTGOING: Callable[..., Any] | None
    GET_SESSION_TOKEN_OUTGOING: Callable[..., Any] | None
    GET_METADATA_OUTGOING: Callable[..., Any] | None
    SKIP_OUTGOING: Callable[..., Any] | None
    LOG_BODY_OUTGOING: bool | None
    API_VERSION: str | None
    DISABLED_TRANSACTION_ID: bool | None
    READ_REQUEST_BODY_FIRST: bool | None
    DEBUG: bool | None
    LOCAL_MOESIF_BASEURL: str | None
    DISABLE_TRANSACTION_ID: bool | None
    LOCAL_DEBUG: bool | None
    USE_CELERY: Any
    CELERY_BROKER_URL: Any
