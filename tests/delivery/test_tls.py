"""TLS verification, and the proxy of the environment (docs/guarantees.md, I-2)."""

from __future__ import annotations

import base64
import json
from datetime import datetime, timezone
from typing import TYPE_CHECKING

import pytest
import trustme

from tests.collector import Nowhere
from tests.delivery.fault_server import tls_context

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import RunProgram
    from tests.delivery.fault_server import FaultServers
    from tests.recorder import Recorder

PROGRAM = """
import json, logging
logging.basicConfig(level=logging.WARNING)
import moesif
from moesifwsgi import MoesifMiddleware
from tests.gateway import hello, request
request(MoesifMiddleware(hello, {}))
moesif.flush(3)
print(json.dumps(moesif.stats()))
"""


@pytest.fixture
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def bundle(authority: trustme.CA, tmp_path: Path) -> str:
    path = tmp_path / "authority.pem"
    authority.cert_pem.write_to_path(str(path))
    return str(path)


@pytest.mark.parametrize("variable", ["REQUESTS_CA_BUNDLE", "SSL_CERT_FILE"])
def test_authority_of_the_environment_is_trusted(
    run_program: RunProgram,
    fault_servers: FaultServers,
    authority: trustme.CA,
    bundle: str,
    variable: str,
) -> None:
    server = fault_servers.start(tls=tls_context(authority.issue_cert("127.0.0.1")))
    ended = run_program(PROGRAM, to=server, variables={variable: bundle})
    assert json.loads(ended.output)["sent"] == 1, ended.errors
    assert len(server.events) == 1


@pytest.mark.parametrize("fault", ["unknown authority", "another host", "expired", "no TLS"])
def test_collector_without_valid_certificate_gets_nothing(
    run_program: RunProgram,
    fault_servers: FaultServers,
    authority: trustme.CA,
    bundle: str,
    fault: str,
) -> None:
    past = datetime(2020, 1, 1, tzinfo=timezone.utc)
    certificate = {
        "unknown authority": lambda: trustme.CA().issue_cert("127.0.0.1"),
        "another host": lambda: authority.issue_cert("192.0.2.1", "elsewhere.example.com"),
        "expired": lambda: authority.issue_cert("127.0.0.1", not_before=past, not_after=past.replace(year=2021)),
    }.get(fault)
    server = fault_servers.start(tls=tls_context(certificate()) if certificate else None)
    to = Nowhere(server.uri.replace("http://", "https://"))
    ended = run_program(PROGRAM, to=to, variables={"REQUESTS_CA_BUNDLE": bundle}, REQUEST_TIMEOUT=1, FLUSH_TIMEOUT=0)
    stats = json.loads(ended.output)
    assert (stats["sent"], stats["queued"] + stats["in_flight"], stats["breaker"] != "closed") == (0, 1, True), (
        ended.errors
    )
    assert server.events == []
    assert stats["last_error"] in ended.errors
    if certificate:
        assert "certificate" in stats["last_error"]


def test_built_in_authorities_apply_without_the_variable(
    run_program: RunProgram, fault_servers: FaultServers, authority: trustme.CA
) -> None:
    server = fault_servers.start(tls=tls_context(authority.issue_cert("127.0.0.1")))
    ended = run_program(PROGRAM, to=server, FLUSH_TIMEOUT=0)
    assert json.loads(ended.output)["sent"] == 0
    assert "no trusted authority has issued it" in ended.errors


def test_unreadable_ca_bundle_is_logged(run_program: RunProgram, tmp_path: Path) -> None:
    empty = tmp_path / "empty.pem"
    empty.write_text("no certificate\n")
    to = Nowhere("https://127.0.0.1:1")
    ended = run_program(PROGRAM, to=to, variables={"REQUESTS_CA_BUNDLE": str(empty)}, FLUSH_TIMEOUT=0)
    assert ended.code == 0, ended.errors
    assert "moesif.settings:REQUESTS_CA_BUNDLE is" in ended.errors


def test_plain_http_is_forwarded_by_the_proxy(run_program: RunProgram, fault_servers: FaultServers) -> None:
    proxy = fault_servers.start()
    address = proxy.uri.replace("http://", "http://user:pass%20word@")
    ended = run_program(
        PROGRAM.replace("request(Moesif", "application = Moesif").replace("hello, {}))", "hello, {})")
        + """
for _ in range(2):
    request(application)
    assert moesif.flush(20)
""",
        to=Nowhere("http://collector.invalid:9500/prefix"),
        variables={"http_proxy": address},
        EVENT_WORKER_COUNT=1,
    )
    assert ended.code == 0, ended.errors
    # The proxy gets the whole URL, and the connection is reused.
    assert proxy.targets == ["http://collector.invalid:9500/prefix/v1/events/batch"] * 2
    assert proxy.connections == 1
    assert {headers["host"] for headers in proxy.headers} == {"collector.invalid:9500"}
    secret = base64.b64encode(b"user:pass word").decode()
    assert {headers["proxy-authorization"] for headers in proxy.headers} == {f"Basic {secret}"}
    assert len(proxy.events) == 2


# Answers one request as a CGI script, and sends a profile.
CGI = """
from wsgiref.handlers import CGIHandler
from moesifwsgi import MoesifMiddleware
from tests.gateway import hello

application = MoesifMiddleware(hello, {})
CGIHandler().run(application)
application.update_user({"user_id": "1"})
"""
REQUEST = {
    "GATEWAY_INTERFACE": "CGI/1.1",
    "REQUEST_METHOD": "GET",
    "PATH_INFO": "/",
    "QUERY_STRING": "",
    "SERVER_NAME": "h",
    "SERVER_PORT": "80",
    "SERVER_PROTOCOL": "HTTP/1.1",
}


@pytest.mark.parametrize(
    ("variable", "is_used"), [("HTTP_PROXY", False), ("http_proxy", True), ("ALL_PROXY", True)], ids=str
)
def test_proxy_header_of_a_cgi_request_is_not_used(
    run_program: RunProgram, recorder: Recorder, fault_servers: FaultServers, variable: str, *, is_used: bool
) -> None:
    proxy = fault_servers.start()
    ended = run_program(CGI, to=recorder, variables={**REQUEST, variable: proxy.uri})
    assert (ended.code, ended.output.startswith("Status: 200 OK")) == (0, True), ended.errors
    assert ended.output.endswith("hello")
    targets = {delivery.path for delivery in recorder.deliveries}
    sent = {f"{recorder.uri}/v1/users", f"{recorder.uri}/v1/events/batch"}
    assert {f"{recorder.uri}{path}" for path in targets} == (set() if is_used else sent)
    assert (set(proxy.targets), proxy.connections > 0) == (sent if is_used else set(), is_used)


def test_empty_proxy_in_lower_case_means_no_proxy(
    run_program: RunProgram, recorder: Recorder, fault_servers: FaultServers
) -> None:
    proxy = fault_servers.start()
    ended = run_program(
        PROGRAM, to=recorder, variables={"http_proxy": "", "HTTP_PROXY": proxy.uri, "ALL_PROXY": proxy.uri}
    )
    assert json.loads(ended.output)["sent"] == 1, ended.errors
    assert (len(recorder.events), proxy.connections) == (1, 0)


def test_https_goes_through_a_proxy_tunnel(run_program: RunProgram, recorder: Recorder) -> None:
    ended = run_program(
        PROGRAM,
        to=Nowhere("https://collector.invalid"),
        variables={"HTTPS_PROXY": recorder.uri},
        FLUSH_TIMEOUT=0,
    )
    assert ended.code == 0, ended.errors
    assert set(recorder.tunnels) == {"collector.invalid:443"}


def test_variables_are_read_when_the_middleware_is_created(run_program: RunProgram, recorder: Recorder) -> None:
    ended = run_program(
        """
        import os
        import moesif
        from moesifwsgi import MoesifMiddleware
        from tests.gateway import hello, request
        application = MoesifMiddleware(hello, {})
        os.environ["http_proxy"] = "http://127.0.0.1:1"
        request(application)
        assert moesif.flush(20)
        """,
        to=recorder,
    )
    assert ended.code == 0, ended.errors
    assert recorder.tunnels == []
