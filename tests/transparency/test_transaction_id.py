"""The transaction id in the response and in the event (docs/wire-contract.md, Transaction ids)."""

from __future__ import annotations

import logging
import os
import uuid
from typing import TYPE_CHECKING, Any

import pytest

from tests.gateway import Environ, hello, make_environ, request

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.conftest import Wrap
    from tests.recorder import Recorder

NAME = "X-Moesif-Transaction-Id"


def _request_with_id(identifier: str) -> Environ:
    return make_environ(HTTP_X_MOESIF_TRANSACTION_ID=identifier)


def test_response_and_event_have_the_same_id(recorder: Recorder, wrap: Wrap) -> None:
    application = wrap(hello)
    ids = []
    for _ in range(3):
        [identifier] = request(application).header(NAME)
        assert uuid.UUID(identifier).version == 4
        ids.append(identifier)
    assert len(set(ids)) == 3
    for event in recorder.wait_for(3):
        identifier = event["transaction_id"]
        assert identifier in ids
        assert event["request"]["headers"][NAME] == identifier
        assert event["response"]["headers"][NAME] == identifier


@pytest.mark.parametrize("identifier", ["a", "A-Z_0.9", "x" * 64, str(uuid.UUID(int=5))])
def test_id_of_client_is_echoed_but_never_becomes_event_id(recorder: Recorder, wrap: Wrap, identifier: str) -> None:
    application = wrap(hello)
    for _ in range(2):
        assert request(application, _request_with_id(identifier)).header(NAME) == [identifier]
    events = recorder.wait_for(2)
    keys = {event["transaction_id"] for event in events}
    # A client must not be able to hide calls by repeating an id.
    assert len(keys) == 2
    assert identifier not in keys
    for event in events:
        assert event["request"]["headers"][NAME] == identifier
        assert event["response"]["headers"][NAME] == identifier


@pytest.mark.parametrize(
    "identifier",
    ["", "x" * 65, "a b", "a\r\nSet-Cookie: x=1", "\xe9", "a,b", "<script>", "a/b", "\x00"],
    ids=repr,
)
def test_unsafe_id_of_client_is_replaced(recorder: Recorder, wrap: Wrap, identifier: str) -> None:
    [answered] = request(wrap(hello), _request_with_id(identifier)).header(NAME)
    [event] = recorder.wait_for(1)
    assert answered == event["transaction_id"]
    assert uuid.UUID(answered)
    assert event["request"]["headers"][NAME] == answered


@pytest.mark.parametrize("name", [NAME, NAME.lower(), NAME.upper()])
def test_id_set_by_application_is_the_only_one(recorder: Recorder, wrap: Wrap, name: str) -> None:
    def application(_environ: Environ, start_response: Any) -> list[bytes]:
        start_response("200 OK", [(name, "the application's"), ("X-A", "1")])
        return []

    answer = request(wrap(application), _request_with_id("the-clients"))
    assert answer.headers == [(name, "the application's"), ("X-A", "1")]
    [event] = recorder.wait_for(1)
    assert event["transaction_id"] not in ("the application's", "the-clients")


@pytest.mark.parametrize("option", ["DISABLED_TRANSACTION_ID", "DISABLE_TRANSACTION_ID"])
def test_either_option_removes_header_and_event_keeps_its_id(recorder: Recorder, wrap: Wrap, option: str) -> None:
    application = wrap(hello, **{option: True})
    assert request(application).headers == [("Content-Type", "text/plain")]
    assert request(application, _request_with_id("the-clients")).header(NAME) == []
    first, second = recorder.wait_for(2)
    assert uuid.UUID(first["transaction_id"]) != uuid.UUID(second["transaction_id"])
    assert NAME not in first["request"]["headers"]
    assert NAME not in first["response"]["headers"]


@pytest.fixture
def _reset_log_level() -> Iterator[None]:
    yield
    logging.getLogger("moesif").setLevel(logging.NOTSET)


@pytest.mark.usefixtures("_reset_log_level")
def test_debug_adds_the_process_id_to_responses(recorder: Recorder, wrap: Wrap) -> None:
    assert request(wrap(hello, DEBUG=True)).header("X-Moesif-Wsgi-Pid") == [str(os.getpid())]
    assert request(wrap(hello)).header("X-Moesif-Wsgi-Pid") == []
    assert len(recorder.wait_for(2)) == 2
