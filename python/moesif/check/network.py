"""The steps that need the network: look up the name, connect, ask for the configuration, send a test event."""

from __future__ import annotations

import json
import socket
import threading
import uuid
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from moesif.check import advice, protocol
from moesif.check.verdict import Verdict
from moesif.client.transport import Outcome, execute

if TYPE_CHECKING:
    from collections.abc import Iterator

    from moesif import _native

#: Limit in seconds for a name lookup, and for opening a connection.
_TIMEOUT = 10.0
#: Limit in seconds for the first request. After a failure, checks for a wrong scheme, then tries once more.
_FIRST_REQUEST = 2.0
_NOT_A_COLLECTOR = "this looks like a web server, not a collector"


def check_network(client: _native.ApiClient) -> Iterator[Verdict]:
    """Yield a verdict for each step, up to the first that fails."""
    host, _, port = client.peer.rpartition(":")
    host = host.strip("[]")
    collector = urlsplit(client.base_uri)
    peer = f"the proxy for {collector.hostname}" if client.proxy else "the collector"
    name = _look_up(peer, host, int(port))
    yield name
    if not name.is_good:
        return
    connection = _connect(peer, host, int(port))
    yield connection
    if not connection.is_good:
        return
    answer = _get_configuration(client, host, int(port), is_tls=collector.scheme == "https")
    yield answer
    if answer.is_good:
        yield _send_event(client)


def _look_up(peer: str, host: str, port: int) -> Verdict:
    """Look up the name on another thread, because ``getaddrinfo`` has no timeout."""
    results: list[Any] = []

    def look_up() -> None:
        try:
            addresses = {str(address[4][0]) for address in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)}
            results.append(sorted(addresses))
        except (OSError, UnicodeError) as error:
            results.append(error)

    thread = threading.Thread(target=look_up, daemon=True)
    thread.start()
    thread.join(_TIMEOUT)
    if results and isinstance(results[0], list):
        return Verdict("name", is_good=True, found=f"{peer}, {host}, has the address {', '.join(results[0])}")
    reason = results[0] if results else f"no result within {_TIMEOUT:g} s"
    found = f"the name of {peer}, {host}, cannot be looked up: {reason}"
    return Verdict("name", is_good=False, found=found, advice=advice.for_name(host))


def _connect(peer: str, host: str, port: int) -> Verdict:
    try:
        with socket.create_connection((host, port), _TIMEOUT) as connection:
            address = connection.getpeername()[0]
    except OSError as error:
        found = f"cannot connect to {host} port {port}: {error}"
        return Verdict("connection", is_good=False, found=found, advice=advice.FOR_CONNECTION)
    return Verdict("connection", is_good=True, found=f"{peer} accepts connections at {address} port {port}")


def _get_configuration(client: _native.ApiClient, host: str, port: int, *, is_tls: bool) -> Verdict:
    """Get the remote configuration with the HTTP client that delivers events."""
    step = "TLS" if is_tls else "answer"
    first_request = min(_FIRST_REQUEST, client.request_timeout / 2)
    outcome = execute(client.get("/v1/config", first_request))
    if not client.proxy and _may_be_another_protocol(outcome):
        if is_tls and protocol.speaks_http(host, port):
            found = f"port {port} of {host} speaks plain HTTP, not TLS"
            return Verdict(step, is_good=False, found=found, advice=advice.NOT_TLS)
        if not is_tls and protocol.speaks_tls(host, port):
            found = f"port {port} of {host} speaks TLS, not plain HTTP"
            return Verdict(step, is_good=False, found=found, advice=advice.NOT_HTTP)
    if outcome.status == 0 and outcome.cause is None:
        outcome = execute(client.get("/v1/config", client.request_timeout - first_request))
    problem = outcome.problem or "no answer"
    if outcome.status == 0:
        return Verdict(step, is_good=False, found=problem, advice=advice.for_no_answer(client, outcome, is_tls=is_tls))
    if outcome.problem is not None:
        return Verdict("answer", is_good=False, found=problem, advice=advice.for_answer(client, outcome))
    if outcome.status != 200 or not _is_json_object(outcome.body):  # noqa: PLR2004 - a collector's answer
        found = f"GET /v1/config was answered with {outcome.status} and no JSON object: {_NOT_A_COLLECTOR}"
        return Verdict("answer", is_good=False, found=found, advice=advice.NOT_A_COLLECTOR)
    found = f"the collector answered {outcome.status}"
    return Verdict(step, is_good=True, found=f"{found}, and its certificate is valid" if is_tls else found)


def _may_be_another_protocol(outcome: Outcome) -> bool:
    """Return whether an outcome may mean that the port speaks TLS and ``BASE_URI`` says HTTP, or the other way.

    Servers close the connection, send bytes that are not HTTP, or answer 400.
    """
    return outcome.cause is None and outcome.status in {0, 400}


def _is_json_object(body: bytes) -> bool:
    try:
        return isinstance(json.loads(body), dict)
    except ValueError:
        return False


def _send_event(client: _native.ApiClient) -> Verdict:
    now = datetime.now(timezone.utc).isoformat(timespec="milliseconds")
    transaction_id = str(uuid.uuid4())
    event = {
        "request": {"time": now, "uri": "http://localhost/moesif-check", "verb": "GET", "headers": {}},
        "response": {"time": now, "status": 200, "headers": {}},
        "direction": "Incoming",
        "metadata": {"moesif_check": True},
        "transaction_id": transaction_id,
    }
    outcome = execute(client.post("/v1/events", json.dumps(event), client.request_timeout))
    if outcome.problem is not None:
        return Verdict("event", is_good=False, found=outcome.problem, advice=advice.for_answer(client, outcome))
    if outcome.status != 201:  # noqa: PLR2004 - a collector's answer
        found = f"the test event was answered with {outcome.status}: {_NOT_A_COLLECTOR}"
        return Verdict("event", is_good=False, found=found, advice=advice.NOT_A_COLLECTOR)
    return Verdict(
        "event", is_good=True, found=f"the collector stored a test event: GET /moesif-check, {transaction_id}"
    )
