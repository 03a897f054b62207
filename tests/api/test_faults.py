"""What a client does about a collector that fails: it tries again as delivery does, and tells the caller in time
(docs/guarantees.md, I-2, I-20)."""

from __future__ import annotations

import json
import ssl
import time
from typing import TYPE_CHECKING, Any

import pytest
import trustme

from moesif.client import APIConnectionError, APIException
from tests.delivery import fault_server as faults
from tests.delivery.fault_server import FaultServer, status
from tests.recorder import Fault

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.api.conftest import Connect
    from tests.collector import Nowhere
    from tests.delivery.fault_server import Behaviour
    from tests.recorder import Delivery, Recorder

USER = {"user_id": "12345"}
WORKS = status(201)


class Failing:
    """Starts servers that fail."""

    def __init__(self) -> None:
        self.servers: list[FaultServer] = []

    def __call__(self, *behaviours: Behaviour, then: Behaviour = WORKS, tls: Any = None) -> FaultServer:
        self.servers.append(FaultServer(*behaviours, then=then, tls=tls))
        return self.servers[-1]


@pytest.fixture
def failing() -> Iterator[Failing]:
    failing = Failing()
    yield failing
    for server in failing.servers:
        server.close()


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOESIF_REQUEST_TIMEOUT", "0.5")


@pytest.mark.parametrize(
    "behaviour",
    [
        status(408),
        status(429, ("Retry-After", "0")),
        status(500),
        status(503, ("Retry-After", "Sun, 06 Nov 1994 08:49:37 GMT"), ("Date", "Sun, 06 Nov 1994 08:49:37 GMT")),
        faults.hang,
        faults.hang_unread,
        faults.reset,
        faults.garbage,
        faults.drip,
        faults.endless_head,
    ],
    ids=["408", "429", "500", "503", "hang", "hang unread", "reset", "garbage", "drip", "endless head"],
)
def test_a_failure_that_passes_is_not_noticed(failing: Failing, connect: Connect, behaviour: Behaviour) -> None:
    server = failing(behaviour, behaviour)
    connect(server).api.update_user(USER)
    assert server.targets == ["/v1/users"] * 3


def test_the_patience_a_collector_asks_for_is_kept(failing: Failing, connect: Connect) -> None:
    server = failing(status(503, ("Retry-After", "2")))
    begin = time.monotonic()
    connect(server).api.update_user(USER)
    assert time.monotonic() - begin >= 2


def test_who_would_have_to_wait_too_long_is_told_at_once(failing: Failing, connect: Connect) -> None:
    server = failing(then=status(503, ("Retry-After", "3600")))
    begin = time.monotonic()
    with pytest.raises(APIException) as refused:
        connect(server, timeout=60).api.update_user(USER)
    assert refused.value.response_code == 503
    assert time.monotonic() - begin < 30
    assert len(server.targets) == 1


@pytest.mark.parametrize("code", [429, 503])
def test_a_failure_that_lasts_is_told_in_time(failing: Failing, connect: Connect, code: int) -> None:
    server = failing(then=status(code))
    with pytest.raises(APIException, match=f"{server.uri} answered {code}") as refused:
        connect(server, timeout=2).api.update_user(USER)
    assert refused.value.response_code == code
    assert len(server.targets) > 1


@pytest.mark.parametrize("behaviour", [faults.hang, faults.reset, faults.garbage], ids=["hang", "reset", "garbage"])
def test_no_answer_is_told_in_time(failing: Failing, connect: Connect, behaviour: Behaviour) -> None:
    server = failing(then=behaviour)
    begin = time.monotonic()
    with pytest.raises(APIConnectionError, match=f"{server.uri} did not answer") as failed:
        connect(server, timeout=2).api.update_user(USER)
    assert (failed.value.response_code, failed.value.context.response) == (0, None)
    assert isinstance(failed.value, ConnectionError)
    assert time.monotonic() - begin < 30


def test_a_collector_that_is_not_there_is_told(nowhere: Nowhere, connect: Connect) -> None:
    with pytest.raises(APIConnectionError, match="refused"):
        connect(nowhere, timeout=1).api.get_app_config()


@pytest.mark.parametrize("answer", [status(302, ("Location", "/elsewhere")), status(400), status(401)])
def test_other_answers_are_final(failing: Failing, connect: Connect, answer: Behaviour) -> None:
    server = failing(then=answer)
    with pytest.raises(APIException):
        connect(server).api.update_user(USER)
    assert server.targets == ["/v1/users"]


def test_a_batch_that_is_too_large_is_halved(recorder: Recorder, connect: Connect) -> None:
    def no_more_than_three(delivery: Delivery) -> int:
        return 413 if len(json.loads(delivery.json)) > 3 else 201

    recorder.reply = no_more_than_three
    connect(recorder).api.update_users_batch([{"user_id": number} for number in range(10)])
    kept = [user["user_id"] for delivery in recorder.accepted for user in json.loads(delivery.json)]
    assert kept == [str(number) for number in range(10)]


def test_a_document_that_is_too_large_alone_is_refused(recorder: Recorder, connect: Connect) -> None:
    recorder.answer_with(then=413)
    with pytest.raises(APIException) as refused:
        connect(recorder).api.update_users_batch([USER, USER])
    assert refused.value.response_code == 413
    assert len(recorder.deliveries) == 2


def test_of_a_batch_that_fails_in_the_middle_the_rest_is_not_sent(recorder: Recorder, connect: Connect) -> None:
    recorder.answer_with(201, then=400)
    with pytest.raises(APIException):
        connect(recorder).api.update_users_batch([{"user_id": number} for number in range(30_000)])
    assert [delivery.status for delivery in recorder.deliveries] == [201, 400]


def test_documents_that_are_asked_for_are_tried_again(recorder: Recorder, connect: Connect) -> None:
    recorder.config = 503
    with pytest.raises(APIException):
        connect(recorder, timeout=2).api.get_app_config()
    assert recorder.fetches.count("/v1/config") > 1
    recorder.rules = Fault.GARBAGE
    with pytest.raises(APIConnectionError):
        connect(recorder, timeout=2).api.get_governance_rules()
    assert recorder.fetches.count("/v1/rules") > 1


def test_an_event_that_is_sent_again_is_the_same_event(recorder: Recorder, connect: Connect) -> None:
    recorder.answer_with(503, 503)
    connect(recorder).api.create_event({"request": {"time": "2026-11-21T08:51:26Z", "uri": "http://h/", "verb": "GET"}})
    identifiers = [json.loads(delivery.json)["transaction_id"] for delivery in recorder.deliveries]
    assert len(identifiers) == 3
    assert len(set(identifiers)) == 1


def test_long_documents_are_compressed_and_short_ones_are_not(recorder: Recorder, connect: Connect) -> None:
    api = connect(recorder).api
    api.update_user(USER)
    api.update_user({**USER, "metadata": {"text": "x" * 10_000}})
    short, long = recorder.deliveries
    assert (short.headers["Content-Encoding"], long.headers["Content-Encoding"]) == (None, "gzip")
    assert len(long.body) < 1_000
    assert json.loads(long.json)["metadata"] == {"text": "x" * 10_000}


def test_tls_is_verified(failing: Failing, connect: Connect, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    server = failing(tls=context)
    monkeypatch.setenv("MOESIF_REQUEST_TIMEOUT", "10")
    with pytest.raises(APIConnectionError, match=r"certificate|UnknownIssuer"):
        connect(server, timeout=2).api.update_user(USER)
    assert server.targets == []
    assert server.handshakes == 1, "an attempt more would end as this one has"
    bundle = tmp_path / "authority.pem"
    authority.cert_pem.write_to_path(str(bundle))
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(bundle))
    connect(server).api.update_user(USER)
    assert server.targets == ["/v1/users"]


def test_the_way_leads_through_the_proxy_of_the_environment(
    recorder: Recorder, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", recorder.uri)
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    connect(_Elsewhere(recorder.application_id)).api.update_user(USER)
    [delivery] = recorder.deliveries
    assert delivery.path == "http://collector.example/v1/users"


class _Elsewhere:
    uri = "http://collector.example"

    def __init__(self, application_id: str) -> None:
        self.application_id = application_id
