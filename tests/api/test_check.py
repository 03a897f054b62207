"""``python -m moesif check``: verdicts, advice and exit code."""

from __future__ import annotations

import ast
import shlex
import socket
import ssl
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import trustme

import moesif
from tests.collector import ROOT, Nowhere
from tests.delivery.fault_server import status, tls_context
from tests.recorder import Answer, Fault
from tests.server import environment

if TYPE_CHECKING:
    from tests.collector import Collector
    from tests.conftest import Destination, Serve
    from tests.delivery.fault_server import FaultServers
    from tests.recorder import Recorder


def check(
    to: Destination | None, *arguments: str, variables: dict[str, str] | None = None
) -> tuple[int, list[tuple[str, str]], str]:
    """Run the check. Returns its exit code, the first two columns of each line, and the whole output."""
    given = environment(to.uri, to.application_id, {}) if to else environment("", "", {})
    ended = subprocess.run(
        [sys.executable, "-m", "moesif", "check", *arguments],
        cwd=ROOT,
        env=given | {"MOESIF_REQUEST_TIMEOUT": "2"} | (variables or {}),
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )
    assert ended.stderr == "" or ended.returncode == 2
    lines = [(line[:8].strip(), line[8:20].strip()) for line in ended.stdout.splitlines()]
    return ended.returncode, lines, ended.stdout


GOOD = [("ok", "settings"), ("ok", "name"), ("ok", "connection")]
ADVICE = [("", "do this:")]


def test_reader_that_wants_only_the_first_line_sees_no_error(collector: Collector) -> None:
    ended = subprocess.run(
        f"{shlex.quote(sys.executable)} -m moesif check | head -n 1",
        shell=True,
        cwd=ROOT,
        env=environment(collector.uri, collector.application_id, {}),
        capture_output=True,
        text=True,
        timeout=90,
        check=True,
    )
    assert ended.stdout.startswith("ok      settings")
    assert ended.stderr == ""


def test_every_step_succeeds(collector: Collector) -> None:
    code, lines, output = check(collector)
    assert (code, lines) == (0, [*GOOD, ("ok", "answer"), ("ok", "event")])
    [row] = collector.events()
    assert row["uri"].endswith("/moesif-check")
    assert row["transaction_id"] in output
    assert collector.application_id not in output


def test_settings_are_loaded_from_a_dotted_path(collector: Collector, tmp_path: Path) -> None:
    settings = {"APPLICATION_ID": collector.application_id, "BASE_URI": collector.uri, "BATCH_SZIE": 5}
    (tmp_path / "project_settings.py").write_text(f"MOESIF_MIDDLEWARE = {settings!r}\nMOESIF = 7\n")
    variables = {"PYTHONPATH": str(tmp_path)}
    code, lines, output = check(None, "--settings", "project_settings.MOESIF_MIDDLEWARE", variables=variables)
    assert (code, lines[-1]) == (0, ("ok", "event"))
    assert "note: " in output
    assert "BATCH_SZIE" in output
    assert len(collector.events()) == 1
    for path, said in (
        ("project_settings.MOESIF", "expected a dictionary"),
        ("project_settings.NOTHING", "has no attribute"),
        ("no_such_project.settings.X", "No module named"),
        ("MOESIF_MIDDLEWARE", "contains no dot"),
    ):
        code, lines, output = check(None, "--settings", path, variables=variables)
        assert (code, lines) == (1, [("FAILED", "settings"), *ADVICE])
        assert said in output


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({}, "APPLICATION_ID is missing"),
        ({"MOESIF_APPLICATION_ID": "id", "MOESIF_BASE_URL": "http://h"}, "did you mean MOESIF_BASE_URI?"),
        ({"MOESIF_APPLICATION_ID": "id", "MOESIF_BASE_URI": "api.moesif.net"}, "BASE_URI"),
        ({"MOESIF_APPLICATION_ID": "id", "MOESIF_BATCH_SIZE": "many"}, "BATCH_SIZE"),
    ],
)
def test_invalid_settings_are_reported(variables: dict[str, str], said: str) -> None:
    code, lines, output = check(None, variables=variables)
    assert (code, lines) == (1, [("FAILED", "settings"), *ADVICE])
    assert said in output


def test_unknown_host_name_is_reported() -> None:
    code, lines, output = check(Nowhere("http://collector.invalid:9500"))
    assert (code, lines) == (1, [*GOOD[:1], ("FAILED", "name"), *ADVICE])
    assert "collector.invalid" in output


def test_refused_connection_is_reported(nowhere: Nowhere) -> None:
    code, lines, _ = check(nowhere)
    assert (code, lines) == (1, [*GOOD[:2], ("FAILED", "connection"), *ADVICE])


def test_certificate_of_unknown_authority_is_reported(fault_servers: FaultServers, tmp_path: Path) -> None:
    authority = trustme.CA()
    server = fault_servers.start(then=status(201), tls=tls_context(authority.issue_cert("127.0.0.1")))
    code, lines, output = check(server)
    assert (code, lines) == (1, [*GOOD, ("FAILED", "TLS"), *ADVICE])
    assert "no trusted authority has issued it" in output
    assert "REQUESTS_CA_BUNDLE" in output
    bundle = tmp_path / "authority.pem"
    authority.cert_pem.write_to_path(str(bundle))
    code, lines, _ = check(server, variables={"REQUESTS_CA_BUNDLE": str(bundle)})
    assert (code, lines) == (0, [*GOOD, ("ok", "TLS"), ("ok", "event")])
    assert server.targets == ["/v1/events"]


def test_certificate_of_an_authority_as_that_of_a_server_is_explained(
    fault_servers: FaultServers, tmp_path: Path
) -> None:
    # `openssl req -x509` makes one like this. requests accepts it, rustls does not.
    authority = trustme.CA()
    certificate, key = tmp_path / "certificate.pem", tmp_path / "key.pem"
    authority.cert_pem.write_to_path(str(certificate))
    authority.private_key_pem.write_to_path(str(key))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server = fault_servers.start(tls=context)
    code, lines, output = check(server, variables={"SSL_CERT_FILE": str(certificate)})
    assert (code, lines) == (1, [*GOOD, ("FAILED", "TLS"), *ADVICE])
    assert "it is the certificate of an authority (CA:TRUE), but a server needs one with CA:FALSE" in output
    assert "openssl req -x509 -addext basicConstraints=CA:FALSE" in output


def test_server_that_requires_a_client_certificate_is_explained(fault_servers: FaultServers, tmp_path: Path) -> None:
    authority = trustme.CA()
    bundle = tmp_path / "authority.pem"
    authority.cert_pem.write_to_path(str(bundle))
    context = tls_context(authority.issue_cert("127.0.0.1"))
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(bundle)
    server = fault_servers.start(tls=context)
    code, lines, output = check(server, variables={"SSL_CERT_FILE": str(bundle)})
    assert (code, lines) == (1, [*GOOD, ("FAILED", "TLS"), *ADVICE])
    assert "refused the TLS connection: it requires a certificate of the client" in output


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        (401, "set APPLICATION_ID to the Collector Application ID"),
        (402, "subscription"),
        (404, "BASE_URI leads to a server that is not a collector"),
        (503, "look at its log"),
        (Answer(302, (("Location", "https://elsewhere.example/"),)), "https://elsewhere.example/"),
        (Answer(400, body=b'{"rejected": [{"index": 0, "field": "request", "error": "odd"}]}'), "request: odd"),
        (Fault.HANG, "look at its log"),
    ],
    ids=str,
)
def test_error_answer_to_the_event_is_reported(recorder: Recorder, reply: int | Answer | Fault, said: str) -> None:
    recorder.answer_with(then=reply)
    code, lines, output = check(recorder)
    assert (code, lines) == (1, [*GOOD, ("ok", "answer"), ("FAILED", "event"), *ADVICE])
    assert said in output


def test_server_without_http_is_reported(recorder: Recorder) -> None:
    recorder.config = Fault.GARBAGE
    code, lines, _ = check(recorder)
    assert (code, lines) == (1, [*GOOD, ("FAILED", "answer"), *ADVICE])


@pytest.mark.parametrize(
    "config",
    [Answer(200, body=b"<html>hello</html>"), Answer(200, body=b"[]"), Answer(201, body=b"{}"), Answer(204)],
    ids=["page", "list", "201", "204"],
)
def test_web_server_is_not_a_collector(recorder: Recorder, config: Answer) -> None:
    recorder.config = config
    code, lines, output = check(recorder)
    assert (code, lines) == (1, [*GOOD, ("FAILED", "answer"), *ADVICE])
    assert "looks like a web server, not a collector" in output
    assert "BASE_URI leads to a server that is not a collector" in output
    assert recorder.deliveries == []


def test_answer_200_to_an_event_does_not_come_from_a_collector(recorder: Recorder) -> None:
    recorder.answer_with(then=200)
    code, lines, output = check(recorder)
    assert (code, lines) == (1, [*GOOD, ("ok", "answer"), ("FAILED", "event"), *ADVICE])
    assert "looks like a web server, not a collector" in output


@pytest.mark.parametrize(
    ("config", "said"),
    [(401, "set APPLICATION_ID"), (404, "not a collector"), (503, "look at its log")],
)
def test_error_answer_to_the_configuration_is_reported(recorder: Recorder, config: int, said: str) -> None:
    recorder.config = config
    code, lines, output = check(recorder)
    assert (code, lines) == (1, [*GOOD, ("FAILED", "answer"), *ADVICE])
    assert said in output


def test_plain_http_server_is_not_a_certificate_problem(recorder: Recorder) -> None:
    code, lines, output = check(Nowhere(recorder.uri.replace("http://", "https://"), recorder.application_id))
    assert (code, lines) == (1, [*GOOD, ("FAILED", "TLS"), *ADVICE])
    assert f"port {recorder.uri.rpartition(':')[2]} of 127.0.0.1 speaks plain HTTP, not TLS" in output
    assert "REQUESTS_CA_BUNDLE" not in output
    assert "begin BASE_URI with http://" in output


@pytest.mark.parametrize("server", ["gunicorn-sync", "waitress", "hypercorn", "uwsgi"])
def test_plain_http_of_every_server_is_named(serve: Serve, nowhere: Nowhere, server: str) -> None:
    served = serve("plain:app", server, to=nowhere)
    served.get()
    address, port = served.address
    code, lines, output = check(Nowhere(f"https://{address}:{port}"))
    assert (code, lines) == (1, [*GOOD, ("FAILED", "TLS"), *ADVICE])
    assert f"port {port} of 127.0.0.1 speaks plain HTTP, not TLS" in output


def test_plain_http_of_a_collector_is_named(collector: Collector) -> None:
    started = time.monotonic()
    code, _, output = check(
        Nowhere(collector.uri.replace("http://", "https://")), variables={"MOESIF_REQUEST_TIMEOUT": "60"}
    )
    assert (code, "speaks plain HTTP, not TLS" in output) == (1, True)
    assert time.monotonic() - started < 30, "the request is not tried until its timeout"


@pytest.mark.parametrize("answers_400", [False, True])
def test_tls_server_behind_an_http_address_is_named(*, answers_400: bool) -> None:
    certificate = trustme.CA().issue_cert("127.0.0.1")
    with socket.create_server(("127.0.0.1", 0)) as listening, ThreadPoolExecutor() as threads:

        def serve_one(connection: socket.socket) -> None:
            with connection, suppress(OSError):
                is_handshake = connection.recv(1, socket.MSG_PEEK) == b"\x16"
                if answers_400 and not is_handshake:
                    # As nginx, Apache and Go do.
                    connection.recv(65536)
                    connection.sendall(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
                else:
                    tls_context(certificate).wrap_socket(connection, server_side=True).close()

        def accept() -> None:
            with suppress(OSError):
                while True:
                    threads.submit(serve_one, listening.accept()[0])

        threads.submit(accept)
        port = listening.getsockname()[1]
        code, lines, output = check(Nowhere(f"http://127.0.0.1:{port}"))
        listening.shutdown(socket.SHUT_RDWR)
    assert (code, lines) == (1, [*GOOD, ("FAILED", "answer"), *ADVICE])
    assert f"port {port} of 127.0.0.1 speaks TLS, not plain HTTP" in output
    assert "begin BASE_URI with https://" in output


def test_numbers_in_messages_are_english(recorder: Recorder) -> None:
    recorder.ids.append("x")
    _, _, output = check(Nowhere(recorder.uri, "x"))
    assert "with an APPLICATION_ID of 1 character\n" in output


def test_messages_name_no_file_of_the_source_tree() -> None:
    package = Path(moesif.__file__).parent
    texts = [
        node.value
        for path in package.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.count("\n") < 2
    ]
    assert len(texts) > 500
    assert [text for text in texts if ".md" in text] == []
    sources = [
        path for crate in ("moesif", "moesif-python") for path in (ROOT / "crates" / crate / "src").rglob("*.rs")
    ]
    lines = [line.strip() for path in sources for line in path.read_text().splitlines()]
    assert len(lines) > 5000
    assert [line for line in lines if ".md" in line and not line.startswith("//")] == []


@pytest.mark.parametrize(
    ("scheme", "code", "step", "said"),
    [
        ("https", 407, "TLS", "refuses this connection"),
        ("https", 403, "TLS", "refuses this connection"),
        ("http", 407, "answer", "refuses this connection"),
        ("http", 403, "answer", "If the proxy sent this answer"),
        ("http", 502, "answer", "cannot reach the collector"),
    ],
)
def test_refusing_proxy_is_reported(  # noqa: PLR0913, PLR0917 - fixtures and parameters
    recorder: Recorder, fault_servers: FaultServers, scheme: str, code: int, step: str, said: str
) -> None:
    recorder.config = code
    tunnels = fault_servers.start(then=status(code))
    address = (recorder if scheme == "http" else tunnels).uri.removeprefix("http://")
    variables = {f"{scheme}_proxy": f"http://{address}", "no_proxy": "", "NO_PROXY": ""}
    remote = Nowhere(f"{scheme}://collector.invalid", recorder.application_id)
    ended, lines, output = check(remote, variables=variables)
    assert (ended, lines) == (1, [*GOOD, ("FAILED", step), *ADVICE])
    assert said in output
    assert f"the proxy at {address}" in output
    assert "PEM" not in output


def test_collector_in_capitals_is_not_taken_for_a_proxy(recorder: Recorder) -> None:
    code, _, output = check(Nowhere(recorder.uri.replace("127.0.0.1", "LOCALHOST"), recorder.application_id))
    assert "the proxy" not in output
    assert code == 0


def test_proxy_is_checked_instead_of_the_collector(recorder: Recorder, nowhere: Nowhere) -> None:
    variables = {"http_proxy": recorder.uri, "no_proxy": "", "NO_PROXY": ""}
    remote = Nowhere("http://collector.invalid", recorder.application_id)
    code, lines, output = check(remote, variables=variables)
    assert (code, lines[:3]) == (0, GOOD)
    assert "the proxy for collector.invalid, 127.0.0.1" in output
    code, lines, output = check(remote, variables=variables | {"http_proxy": nowhere.uri})
    assert (code, lines) == (1, [*GOOD[:2], ("FAILED", "connection"), *ADVICE])


def test_missing_command_is_a_usage_error() -> None:
    ended = subprocess.run([sys.executable, "-m", "moesif"], capture_output=True, text=True, timeout=60, check=False)
    assert (ended.returncode, "COMMAND" in ended.stderr) == (2, True)
