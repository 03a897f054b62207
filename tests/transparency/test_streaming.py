"""Streaming responses stay streaming (docs/guarantees.md, I-1)."""

from __future__ import annotations

import base64
import socket
from typing import TYPE_CHECKING, Any

import pytest

from tests.gate import read_through
from tests.server import SERVERS

if TYPE_CHECKING:
    from tests.collector import Nowhere
    from tests.conftest import Serve
    from tests.gate import Gate
    from tests.recorder import Recorder


@pytest.mark.parametrize("server", SERVERS)
@pytest.mark.parametrize(
    ("callbacks", "options"),
    [
        ("none", {}),
        ("none", {"LOG_BODY": False}),
        ("all", {}),
        ("skip", {}),
        ("none", {"RESPONSE_HEADER_MASKS": "Set-Cookie", "RESPONSE_BODY_MASKS": "password"}),
        ("none", {"RESPONSE_MAX_BODY_SIZE": 0, "READ_REQUEST_BODY_FIRST": True}),
    ],
    ids=["default", "no-body", "callbacks", "skipped", "masks", "limit-0"],
)
def test_first_chunk_leaves_before_second_is_made(  # noqa: PLR0913, PLR0917 - a matrix
    serve: Serve,
    recorder: Recorder,
    gate: Gate,
    server: str,
    callbacks: str,
    options: dict[str, Any],
) -> None:
    variables = {**gate.environment, "CALLBACKS": callbacks}
    running = serve("streaming:chunks", server, to=recorder, variables=variables, **options)
    read_through(running.connection(), gate)
    running.stop()
    assert len(recorder.events) == (0 if callbacks == "skip" else 1)


def test_first_chunk_leaves_while_the_collector_is_dead(serve: Serve, nowhere: Nowhere, gate: Gate) -> None:
    running = serve("streaming:chunks", to=nowhere, variables=gate.environment, FLUSH_TIMEOUT=0.1)
    read_through(running.connection(), gate)


# Without waitress: even without a middleware it does not close an endless iterable when the client leaves.
@pytest.mark.parametrize("server", [server for server in SERVERS if server != "waitress"])
def test_endless_stream_is_recorded_when_client_leaves(serve: Serve, recorder: Recorder, server: str) -> None:
    limit = 1000
    running = serve("streaming:stream", server, to=recorder, RESPONSE_MAX_BODY_SIZE=limit)
    with running.connect() as client:
        client.sendall(b"GET /events HTTP/1.1\r\nHost: h\r\n\r\n")
        received = b""
        while len(received) < 20_000:
            received += client.recv(65536)
        assert not recorder.deliveries
        seen = received.count(b"data: ")
        client.shutdown(socket.SHUT_RDWR)
    [event] = recorder.wait_for(1)
    response = event["response"]
    assert response["transfer_encoding"] == "base64"
    prefix = base64.b64decode(response["body"])
    whole = b"".join(b"data: %08d\n\n" % number for number in range(1000))
    assert len(prefix) > limit // 2
    assert whole.startswith(prefix)
    assert len(response["body"]) <= limit
    # The true size: complete chunks, at least as many as the client has received.
    assert response["content_length"] % 16 == 0
    assert response["content_length"] >= seen * 16
    assert response["headers"]["X-Moesif-Body-Truncated"] == "1"
    assert b"X-Moesif-Body-Truncated" not in received
