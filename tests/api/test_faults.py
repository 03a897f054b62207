"""API calls to a failing collector are retried, and raise at their timeout (docs/guarantees.md, I-2, I-20)."""

from __future__ import annotations

import functools
import json
import time
from typing import TYPE_CHECKING, Protocol

import pytest
import trustme

from moesif.client import APIConnectionError, APIException
from tests.collector import Nowhere
from tests.delivery import fault_server as faults
from tests.delivery.fault_server import status, tls_context
from tests.recorder import Fault

if TYPE_CHECKING:
    import ssl
    from pathlib import Path

    from tests.api.conftest import Connect
    from tests.collector import Collector
    from tests.delivery.fault_server import Behaviour, FaultServer, FaultServers
    from tests.recorder import Delivery, Recorder

USER = {"user_id": "12345"}
STORED = status(201)


class StartServer(Protocol):
    def __call__(
        self, *behaviours: Behaviour, then: Behaviour = ..., tls: ssl.SSLContext | None = None
    ) -> FaultServer: ...


@pytest.fixture
def start_server(fault_servers: FaultServers) -> StartServer:
    """Start a server that fails, and then answers 201 to everything."""
    return functools.partial(fault_servers.start, then=STORED)


@pytest.fixture(autouse=True)
def _short_request_timeout(monkeypatch: pytest.MonkeyPatch) -> None:
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
def test_temporary_failure_is_retried(start_server: StartServer, connect: Connect, behaviour: Behaviour) -> None:
    server = start_server(behaviour, behaviour)
    connect(server).api.update_user(USER)
    assert server.targets == ["/v1/users"] * 3


def test_retry_after_is_respected(start_server: StartServer, connect: Connect) -> None:
    server = start_server(status(503, ("Retry-After", "2")))
    begin = time.monotonic()
    connect(server).api.update_user(USER)
    assert time.monotonic() - begin >= 2


def test_retry_after_beyond_the_timeout_raises_at_once(start_server: StartServer, connect: Connect) -> None:
    server = start_server(then=status(503, ("Retry-After", "3600")))
    begin = time.monotonic()
    with pytest.raises(APIException) as refused:
        connect(server, timeout=60).api.update_user(USER)
    assert refused.value.response_code == 503
    assert time.monotonic() - begin < 30
    assert len(server.targets) == 1


@pytest.mark.parametrize("code", [429, 503])
def test_lasting_error_status_raises_at_the_timeout(start_server: StartServer, connect: Connect, code: int) -> None:
    server = start_server(then=status(code))
    with pytest.raises(APIException, match=f"{server.uri} answered {code}") as refused:
        connect(server, timeout=2).api.update_user(USER)
    assert refused.value.response_code == code
    assert len(server.targets) > 1


@pytest.mark.parametrize("behaviour", [faults.hang, faults.reset, faults.garbage], ids=["hang", "reset", "garbage"])
def test_missing_answer_raises_at_the_timeout(
    start_server: StartServer, connect: Connect, behaviour: Behaviour
) -> None:
    server = start_server(then=behaviour)
    begin = time.monotonic()
    with pytest.raises(APIConnectionError, match=f"{server.uri} did not answer") as failed:
        connect(server, timeout=2).api.update_user(USER)
    assert (failed.value.response_code, failed.value.context.response) == (0, None)
    assert isinstance(failed.value, ConnectionError)
    assert time.monotonic() - begin < 30


def test_refused_connection_raises(nowhere: Nowhere, connect: Connect) -> None:
    with pytest.raises(APIConnectionError, match="refused"):
        connect(nowhere, timeout=1).api.get_app_config()


@pytest.mark.parametrize("answer", [status(302, ("Location", "/elsewhere")), status(400), status(401)])
def test_other_error_answers_are_not_retried(start_server: StartServer, connect: Connect, answer: Behaviour) -> None:
    server = start_server(then=answer)
    with pytest.raises(APIException):
        connect(server).api.update_user(USER)
    assert server.targets == ["/v1/users"]


def test_too_large_batch_is_halved(recorder: Recorder, connect: Connect) -> None:
    def limit_to_three(delivery: Delivery) -> int:
        return 413 if len(json.loads(delivery.json)) > 3 else 201

    recorder.reply = limit_to_three
    connect(recorder).api.update_users_batch([{"user_id": number} for number in range(10)])
    kept = [user["user_id"] for delivery in recorder.accepted for user in json.loads(delivery.json)]
    assert kept == [str(number) for number in range(10)]


def test_too_large_document_raises(recorder: Recorder, connect: Connect) -> None:
    recorder.answer_with(then=413)
    with pytest.raises(APIException) as refused:
        connect(recorder).api.update_users_batch([USER, USER])
    assert refused.value.response_code == 413
    assert len(recorder.deliveries) == 2


def test_rest_of_a_batch_is_not_sent_after_a_refusal(recorder: Recorder, connect: Connect) -> None:
    recorder.answer_with(201, then=400)
    with pytest.raises(APIException):
        connect(recorder).api.update_users_batch([{"user_id": number} for number in range(30_000)])
    assert [delivery.status for delivery in recorder.deliveries] == [201, 400]


def test_fetch_is_retried(recorder: Recorder, connect: Connect) -> None:
    recorder.config = 503
    with pytest.raises(APIException):
        connect(recorder, timeout=2).api.get_app_config()
    assert recorder.fetches.count("/v1/config") > 1
    recorder.rules = Fault.GARBAGE
    with pytest.raises(APIConnectionError):
        connect(recorder, timeout=2).api.get_governance_rules()
    assert recorder.fetches.count("/v1/rules") > 1


def test_retried_event_keeps_its_id(recorder: Recorder, connect: Connect) -> None:
    recorder.answer_with(503, 503)
    connect(recorder).api.create_event({"request": {"time": "2026-11-21T08:51:26Z", "uri": "http://h/", "verb": "GET"}})
    identifiers = [json.loads(delivery.json)["transaction_id"] for delivery in recorder.deliveries]
    assert len(identifiers) == 3
    assert len(set(identifiers)) == 1


def test_only_long_documents_are_compressed(recorder: Recorder, connect: Connect) -> None:
    api = connect(recorder).api
    api.update_user(USER)
    api.update_user({**USER, "metadata": {"text": "x" * 10_000}})
    short, long = recorder.deliveries
    assert (short.headers["Content-Encoding"], long.headers["Content-Encoding"]) == (None, "gzip")
    assert len(long.body) < 1_000
    assert json.loads(long.json)["metadata"] == {"text": "x" * 10_000}


def test_tls_is_verified(
    start_server: StartServer, connect: Connect, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority = trustme.CA()
    server = start_server(tls=tls_context(authority.issue_cert("127.0.0.1")))
    monkeypatch.setenv("MOESIF_REQUEST_TIMEOUT", "10")
    with pytest.raises(APIConnectionError, match="no trusted authority has issued it"):
        connect(server, timeout=2).api.update_user(USER)
    assert server.targets == []
    assert server.handshakes == 1, "an invalid certificate is not retried"
    bundle = tmp_path / "authority.pem"
    authority.cert_pem.write_to_path(str(bundle))
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(bundle))
    connect(server).api.update_user(USER)
    assert server.targets == ["/v1/users"]


def test_port_without_tls_is_named_and_not_retried(
    collector: Collector, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MOESIF_REQUEST_TIMEOUT", "60")
    to = Nowhere(collector.uri.replace("http://", "https://"))
    started = time.monotonic()
    with pytest.raises(
        APIConnectionError, match="the port does not speak TLS: if it speaks plain HTTP, begin BASE_URI"
    ):
        connect(to, timeout=60).api.update_user(USER)
    assert time.monotonic() - started < 30


def test_proxy_of_the_environment_is_used(
    recorder: Recorder, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", recorder.uri)
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    connect(_RemoteCollector(recorder.application_id)).api.update_user(USER)
    [delivery] = recorder.deliveries
    assert delivery.path == "http://collector.example/v1/users"


class _RemoteCollector:
    uri = "http://collector.example"

    def __init__(self, application_id: str) -> None:
        self.application_id = application_id
