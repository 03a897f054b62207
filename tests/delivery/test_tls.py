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
    assert "UnknownIssuer" in ended.errors


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
