"""``python -m moesif check``: a verdict for each step, what to do about the first that fails, and an exit code."""

from __future__ import annotations

import ssl
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
import trustme

from tests.collector import ROOT, Nowhere
from tests.delivery.fault_server import FaultServer, status
from tests.recorder import Answer, Fault
from tests.server import environment

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.collector import Collector
    from tests.conftest import Destination
    from tests.recorder import Recorder


def check(
    to: Destination | None, *arguments: str, variables: dict[str, str] | None = None
) -> tuple[int, list[tuple[str, str]], str]:
    """Run the check. Returns its exit code, the word and the step of each line, and all it has printed."""
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
BAD_END = [("", "do this:")]


def test_all_is_well(collector: Collector) -> None:
    code, lines, output = check(collector)
    assert (code, lines) == (0, [*GOOD, ("ok", "answer"), ("ok", "event")])
    [row] = collector.events()
    assert row["uri"].endswith("/moesif-check")
    assert row["transaction_id"] in output
    assert collector.application_id not in output


def test_settings_are_taken_from_a_dotted_path(collector: Collector, tmp_path: Path) -> None:
    settings = {"APPLICATION_ID": collector.application_id, "BASE_URI": collector.uri, "SKIPP": "a slip"}
    (tmp_path / "project_settings.py").write_text(f"MOESIF_MIDDLEWARE = {settings!r}\nMOESIF = 7\n")
    variables = {"PYTHONPATH": str(tmp_path)}
    code, lines, output = check(None, "--settings", "project_settings.MOESIF_MIDDLEWARE", variables=variables)
    assert (code, lines[-1]) == (0, ("ok", "event"))
    assert "note: " in output
    assert "SKIPP" in output
    assert len(collector.events()) == 1
    for path, said in (
        ("project_settings.MOESIF", "expected a dictionary"),
        ("project_settings.NOTHING", "has no attribute"),
        ("no_such_project.settings.X", "No module named"),
        ("MOESIF_MIDDLEWARE", "contains no dot"),
    ):
        code, lines, output = check(None, "--settings", path, variables=variables)
        assert (code, lines) == (1, [("FAILED", "settings"), *BAD_END])
        assert said in output


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({}, "APPLICATION_ID is missing"),
        ({"MOESIF_APPLICATION_ID": "id", "MOESIF_BASE_URI": "api.moesif.net"}, "BASE_URI"),
        ({"MOESIF_APPLICATION_ID": "id", "MOESIF_BATCH_SIZE": "many"}, "BATCH_SIZE"),
    ],
)
def test_bad_settings_are_named(variables: dict[str, str], said: str) -> None:
    code, lines, output = check(None, variables=variables)
    assert (code, lines) == (1, [("FAILED", "settings"), *BAD_END])
    assert said in output


def test_a_name_that_does_not_exist_is_named() -> None:
    code, lines, output = check(Nowhere("http://collector.invalid:9500"))
    assert (code, lines) == (1, [*GOOD[:1], ("FAILED", "name"), *BAD_END])
    assert "collector.invalid" in output


def test_a_refused_connection_is_named(nowhere: Nowhere) -> None:
    code, lines, _ = check(nowhere)
    assert (code, lines) == (1, [*GOOD[:2], ("FAILED", "connection"), *BAD_END])


@pytest.fixture
def secured() -> Iterator[tuple[FaultServer, trustme.CA]]:
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    server = FaultServer(then=status(201), tls=context)
    yield server, authority
    server.close()


def test_a_certificate_of_an_unknown_authority_is_named(
    secured: tuple[FaultServer, trustme.CA], tmp_path: Path
) -> None:
    server, authority = secured
    code, lines, output = check(server)
    assert (code, lines) == (1, [*GOOD, ("FAILED", "TLS"), *BAD_END])
    assert "UnknownIssuer" in output
    assert "REQUESTS_CA_BUNDLE" in output
    bundle = tmp_path / "authority.pem"
    authority.cert_pem.write_to_path(str(bundle))
    code, lines, _ = check(server, variables={"REQUESTS_CA_BUNDLE": str(bundle)})
    assert (code, lines) == (0, [*GOOD, ("ok", "TLS"), ("ok", "event")])
    assert server.targets == ["/v1/events"]


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
def test_what_a_collector_says_of_the_event_is_told(recorder: Recorder, reply: int | Answer | Fault, said: str) -> None:
    recorder.answer_with(then=reply)
    code, lines, output = check(recorder)
    assert (code, lines) == (1, [*GOOD, ("ok", "answer"), ("FAILED", "event"), *BAD_END])
    assert said in output


def test_what_is_no_collector_is_named(recorder: Recorder) -> None:
    recorder.config = Fault.GARBAGE
    code, lines, _ = check(recorder)
    assert (code, lines) == (1, [*GOOD, ("FAILED", "answer"), *BAD_END])


@pytest.mark.parametrize(
    "config",
    [Answer(200, body=b"<html>hello</html>"), Answer(200, body=b"[]"), Answer(201, body=b"{}"), Answer(204)],
    ids=["page", "list", "201", "204"],
)
def test_a_web_server_is_no_collector(recorder: Recorder, config: Answer) -> None:
    recorder.config = config
    code, lines, output = check(recorder)
    assert (code, lines) == (1, [*GOOD, ("FAILED", "answer"), *BAD_END])
    assert "looks like a web server, not a collector" in output
    assert "BASE_URI leads to a server that is not a collector" in output
    assert recorder.deliveries == []


def test_a_server_that_answers_200_to_an_event_is_no_collector(recorder: Recorder) -> None:
    recorder.answer_with(then=200)
    code, lines, output = check(recorder)
    assert (code, lines) == (1, [*GOOD, ("ok", "answer"), ("FAILED", "event"), *BAD_END])
    assert "looks like a web server, not a collector" in output


@pytest.mark.parametrize(
    ("config", "said"),
    [(401, "set APPLICATION_ID"), (404, "not a collector"), (503, "look at its log")],
)
def test_what_a_collector_says_of_the_configuration_is_told(recorder: Recorder, config: int, said: str) -> None:
    recorder.config = config
    code, lines, output = check(recorder)
    assert (code, lines) == (1, [*GOOD, ("FAILED", "answer"), *BAD_END])
    assert said in output


def test_a_certificate_is_not_blamed_where_there_is_none(recorder: Recorder) -> None:
    code, lines, output = check(Nowhere(recorder.uri.replace("http://", "https://"), recorder.application_id))
    assert (code, lines) == (1, [*GOOD, ("FAILED", "TLS"), *BAD_END])
    assert "REQUESTS_CA_BUNDLE" not in output
    assert "begin BASE_URI with http://" in output


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
def test_a_proxy_that_refuses_is_named(recorder: Recorder, scheme: str, code: int, step: str, said: str) -> None:
    recorder.config = code
    tunnels = FaultServer(then=status(code))
    address = (recorder if scheme == "http" else tunnels).uri.removeprefix("http://")
    variables = {f"{scheme}_proxy": f"http://{address}", "no_proxy": "", "NO_PROXY": ""}
    away = Nowhere(f"{scheme}://collector.invalid", recorder.application_id)
    ended, lines, output = check(away, variables=variables)
    tunnels.close()
    assert (ended, lines) == (1, [*GOOD, ("FAILED", step), *BAD_END])
    assert said in output
    assert f"the proxy at {address}" in output
    assert "PEM" not in output


def test_a_collector_named_in_capitals_is_no_proxy(recorder: Recorder) -> None:
    code, _, output = check(Nowhere(recorder.uri.replace("127.0.0.1", "LOCALHOST"), recorder.application_id))
    assert "the proxy" not in output
    assert code == 0


def test_the_proxy_is_looked_for_in_place_of_the_collector(recorder: Recorder, nowhere: Nowhere) -> None:
    variables = {"http_proxy": recorder.uri, "no_proxy": "", "NO_PROXY": ""}
    away = Nowhere("http://collector.invalid", recorder.application_id)
    code, lines, output = check(away, variables=variables)
    assert (code, lines[:3]) == (0, GOOD)
    assert "the proxy for collector.invalid, 127.0.0.1" in output
    code, lines, output = check(away, variables=variables | {"http_proxy": nowhere.uri})
    assert (code, lines) == (1, [*GOOD[:2], ("FAILED", "connection"), *BAD_END])


def test_a_command_that_does_not_exist_is_a_mistake_of_its_own() -> None:
    ended = subprocess.run([sys.executable, "-m", "moesif"], capture_output=True, text=True, timeout=60, check=False)
    assert (ended.returncode, "COMMAND" in ended.stderr) == (2, True)
