"""Whether events would arrive: one look at each thing that has to be right, in the order they are needed.

In: settings, and the environment. Out: a verdict for each step, ending with the first that fails, since nothing after
it can succeed. The last one sends a test event to the collector.
"""

from __future__ import annotations

import importlib
import json
import logging
import socket
import threading
import uuid
from collections.abc import Mapping
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlsplit

from moesif import _native
from moesif.client.waiting import wait

if TYPE_CHECKING:
    from collections.abc import Iterator

    from moesif.client.waiting import Outcome

#: Seconds for a lookup and for a connection.
_PATIENCE = 10.0
_WEB_SERVER = "like a web server, not like a collector"
_ELSEWHERE = "BASE_URI leads to a server that is no collector, or to the wrong path on it: set it to the collector's"


class Verdict(NamedTuple):
    """What was found in one step, and what to do about it where something is wrong."""

    step: str
    is_good: bool
    found: str
    advice: str = ""


def check(dotted_path: str | None = None) -> Iterator[Verdict]:
    """Check the settings at a dotted path, else those of the environment alone. Yields a verdict for each step."""
    settings = None
    if dotted_path is not None:
        try:
            settings = settings_at(dotted_path)
        except Exception as error:  # noqa: BLE001 - importing a project runs its code
            advice = (
                "name a dictionary, such as project.settings.MOESIF_MIDDLEWARE, from where your project is imported"
            )
            yield Verdict("settings", is_good=False, found=f"{type(error).__name__}: {error}", advice=advice)
            return
    with _Warnings() as warnings:
        try:
            client = _native.ApiClient(settings)
        except (TypeError, ValueError) as error:
            advice = "docs/options.md tells what each option can be; each can also be set as MOESIF_<OPTION>"
            yield Verdict("settings", is_good=False, found=str(error), advice=advice)
            return
    for warning in warnings:
        yield Verdict("settings", is_good=True, found=f"note: {warning}")
    length = len(client.application_id)
    yield Verdict("settings", is_good=True, found=f"events go to {client.base_uri}, under an id of {length} characters")
    yield from _network(client)


def settings_at(dotted_path: str) -> Mapping[str, Any]:
    """Return the settings at ``package.module.NAME``.

    Raises ``ImportError`` or ``AttributeError`` when nothing is there, ``TypeError`` when it is no dictionary.
    """
    module, _, name = dotted_path.rpartition(".")
    if not module:
        message = f"{dotted_path} names no dictionary in a module"
        raise ImportError(message)
    found = getattr(importlib.import_module(module), name)
    if not isinstance(found, Mapping):
        message = f"{dotted_path} is {type(found).__name__}: expected a dictionary"
        raise TypeError(message)
    return found


class _Warnings(logging.Handler):
    """Keeps what the settings warn of, in place of showing it."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self._logger = logging.getLogger("moesif.settings")
        self.messages: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.messages.append(record.getMessage())

    def __enter__(self) -> list[str]:
        self._logger.addHandler(self)
        self._propagates, self._logger.propagate = self._logger.propagate, False
        return self.messages

    def __exit__(self, *_error: object) -> None:
        self._logger.removeHandler(self)
        self._logger.propagate = self._propagates


def _network(client: _native.ApiClient) -> Iterator[Verdict]:
    host, _, port = client.peer.rpartition(":")
    host = host.strip("[]")
    collector = urlsplit(client.base_uri)
    role = f"the proxy to {collector.hostname}" if client.proxy else "the collector"
    name = _name(role, host, int(port))
    yield name
    if not name.is_good:
        return
    connection = _connection(role, host, int(port))
    yield connection
    if not connection.is_good:
        return
    answer = _answer(client, is_tls=collector.scheme == "https")
    yield answer
    if answer.is_good:
        yield _event(client)


def _name(role: str, host: str, port: int) -> Verdict:
    """Look a name up, on a thread of its own: a lookup cannot be given a deadline."""
    found: list[Any] = []

    def look_up() -> None:
        try:
            addresses = {str(address[4][0]) for address in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)}
            found.append(sorted(addresses))
        except (OSError, UnicodeError) as error:
            found.append(error)

    thread = threading.Thread(target=look_up, daemon=True)
    thread.start()
    thread.join(_PATIENCE)
    if found and isinstance(found[0], list):
        return Verdict("name", is_good=True, found=f"{role}, {host}, is at {', '.join(found[0])}")
    why = found[0] if found else f"the lookup does not end within {_PATIENCE:g} s"
    advice = "look for a slip of the pen in BASE_URI or the proxy's variable; try: getent hosts " + host
    return Verdict("name", is_good=False, found=f"{role}, {host}, cannot be looked up: {why}", advice=advice)


def _connection(role: str, host: str, port: int) -> Verdict:
    try:
        with socket.create_connection((host, port), _PATIENCE) as connection:
            peer = connection.getpeername()[0]
    except OSError as error:
        advice = (
            "nobody listens there, or a firewall is in the way: start the collector, or set BASE_URI to where it is; "
            "where the network has a proxy, name it in HTTPS_PROXY"
        )
        return Verdict(
            "connection", is_good=False, found=f"no connection to {host} port {port}: {error}", advice=advice
        )
    return Verdict("connection", is_good=True, found=f"{role} accepts connections at {peer} port {port}")


def _answer(client: _native.ApiClient, *, is_tls: bool) -> Verdict:
    """Ask for the configuration, over the native connection that events take."""
    step = "TLS" if is_tls else "answer"
    outcome = wait(client.get("/v1/config", client.request_timeout))
    problem = outcome.problem or "no answer"
    if outcome.status == 0:
        return Verdict(
            step, is_good=False, found=problem, advice=_advice_without_answer(client, problem, is_tls=is_tls)
        )
    if outcome.problem is not None:
        return Verdict("answer", is_good=False, found=problem, advice=_advice(client, outcome))
    if outcome.status != 200 or not _is_object(outcome.body):  # noqa: PLR2004 - what a collector answers
        found = f"it answers {outcome.status}, and no JSON object, to GET /v1/config: {_WEB_SERVER}"
        return Verdict("answer", is_good=False, found=found, advice=_ELSEWHERE)
    found = f"the collector proves who it is and answers {outcome.status}" if is_tls else f"it answers {outcome.status}"
    return Verdict(step, is_good=True, found=found)


def _is_object(body: bytes) -> bool:
    try:
        return isinstance(json.loads(body), dict)
    except ValueError:
        return False


def _event(client: _native.ApiClient) -> Verdict:
    now = datetime.now(timezone.utc).isoformat(timespec="milliseconds")
    transaction_id = str(uuid.uuid4())
    event = {
        "request": {"time": now, "uri": "http://localhost/moesif-check", "verb": "GET", "headers": {}},
        "response": {"time": now, "status": 200, "headers": {}},
        "direction": "Incoming",
        "metadata": {"moesif_check": True},
        "transaction_id": transaction_id,
    }
    outcome = wait(client.post("/v1/events", json.dumps(event), client.request_timeout))
    if outcome.problem is not None:
        return Verdict("event", is_good=False, found=outcome.problem, advice=_advice(client, outcome))
    if outcome.status != 201:  # noqa: PLR2004 - what a collector answers
        found = f"it answers {outcome.status} to an event: {_WEB_SERVER}"
        return Verdict("event", is_good=False, found=found, advice=_ELSEWHERE)
    return Verdict("event", is_good=True, found=f"a test event is kept: GET /moesif-check, {transaction_id}")


def _advice_without_answer(client: _native.ApiClient, problem: str, *, is_tls: bool) -> str:
    if "CONNECT proxy" in problem:
        return _advice_of_proxy(client)
    if "certificate" in problem:
        return (
            "where its certificate is issued by an authority of your own, name the authority's PEM file in "
            "REQUESTS_CA_BUNDLE or SSL_CERT_FILE; where it is for another name, set BASE_URI to that name"
        )
    advice = "it accepts connections and does not answer over HTTP: look at its log, or at what else listens there"
    if is_tls:
        return f"{advice}; where the port speaks no TLS, begin BASE_URI with http://"
    return f"{advice}; where the port speaks TLS, begin BASE_URI with https://"


def _advice_of_proxy(client: _native.ApiClient) -> str:
    return (
        f"the proxy at {client.proxy} does not let this through: put the user and password it wants into the proxy's "
        "variable (http://user:password@host:port), allow the collector there, or name its host in NO_PROXY"
    )


def _advice(client: _native.ApiClient, outcome: Outcome) -> str:
    if outcome.status == 407:  # noqa: PLR2004 - proxy authentication required
        return _advice_of_proxy(client)
    advice = _advice_of_collector(outcome)
    if client.proxy and outcome.status == 403:  # noqa: PLR2004 - forbidden
        return f"{advice}; or, if it is the proxy that refuses: {_advice_of_proxy(client)}"
    if client.proxy and outcome.status >= 500:  # noqa: PLR2004 - failures of the server
        return f"{advice}; or it is the proxy at {client.proxy} that does not reach it"
    return advice


def _advice_of_collector(outcome: Outcome) -> str:
    location = next((value for name, value in outcome.fields if name == "location"), "elsewhere")
    if outcome.status in {401, 403}:
        return "set APPLICATION_ID to the Collector Application ID that the portal shows under Installation or API Keys"
    if 300 <= outcome.status <= 399:  # noqa: PLR2004 - redirects
        return f"redirects are not followed: it points to {location}; set BASE_URI to where the collector itself is"
    if outcome.status == 402:  # noqa: PLR2004 - payment required
        return "the subscription of this account is not active"
    if outcome.status in {404, 405}:
        return "BASE_URI leads to a server that is no collector, or to the wrong path on it"
    if outcome.status in {0, 408, 429} or outcome.status >= 500:  # noqa: PLR2004 - failures of the server
        return "the collector is there and cannot keep events now: look at its log, and try again"
    return "the collector's answer says what it does not accept: report it if this package has written it"
