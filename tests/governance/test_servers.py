"""Rules of a real collector on real servers (docs/wire-contract.md, Governance; docs/guarantees.md, I-1)."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.gate import read_through
from tests.governance.rules import answer, rule, when
from tests.remote.config import wait_until
from tests.server import SERVERS

if TYPE_CHECKING:
    from pathlib import Path

    from tests.collector import Collector
    from tests.conftest import Serve
    from tests.gate import Gate
    from tests.recorder import Recorder
    from tests.server import Server

RULES = [
    rule(
        "user",
        "quota",
        variables=[{"name": "0"}],
        response={"status": 430, "headers": {"X-Plan": "{{0}}"}, "body": {"plan": "{{0}} é"}},
    ),
    rule("regex", "body", regex_config=when(body__query="secret"), response={"status": 403, "body": {"no": 1}}),
    rule("regex", "empty", regex_config=when(route="^/empty"), response={"status": 204}),
    rule("regex", "limit", block=False, response={"headers": {"X-Limit": "10", "Set-Cookie": "r=1"}}),
]
CONFIG = {"sample_rate": 100, "user_rules": {"ann": [{"rules": "quota", "values": {"0": "Gold"}}]}}


def _await_rules(server: Server) -> None:
    wait_until(lambda: server.get().headers["X-Limit"] == "10", "the rules are in force")


@pytest.mark.parametrize("server", SERVERS)
def test_rules_of_collector_apply_to_server(serve: Serve, collector: Collector, tmp_path: Path, server: str) -> None:
    data = tmp_path / "data"
    (data / "rules.json").write_text(json.dumps(RULES))
    (data / "config.json").write_text(json.dumps(CONFIG))
    running = serve("echo:app", server, to=collector)
    _await_rules(running)

    passed = running.request("POST", "/", b'{"query": "open"}')
    assert (passed.status, passed.body, passed.headers["X-Limit"]) == (200, b'{"query": "open"}', "10")

    connection = running.connection()
    try:
        # All on one connection, so a wrong length of a response would show.
        for method, body in [
            ("GET", '{"plan": "Gold é"}'.encode()),
            ("HEAD", b""),
            ("GET", '{"plan": "Gold é"}'.encode()),
        ]:
            connection.request(method, "/", headers={"X-User": "ann"})
            blocked = connection.getresponse()
            found = blocked.read()
            assert (blocked.status, json.loads(found or "null")) == (430, json.loads(body or b"null"))
            assert blocked.headers["Content-Type"] == "application/json"
            assert int(blocked.headers["Content-Length"]) > 10
            assert (blocked.headers["X-Plan"], blocked.headers["Set-Cookie"]) == ("Gold", "r=1")
            assert blocked.headers["X-Moesif-Transaction-Id"]
    finally:
        connection.close()

    assert running.request("POST", "/", b'{"query": "secret"}').status == 403
    empty = running.get("/empty")
    assert (empty.status, empty.body, empty.headers["Content-Type"]) == (204, b"", None)

    def blocked_by() -> list[str]:
        events = [collector.event(row["id"]) for row in collector.events()]
        return sorted(event["blocked_by"] for event in events if event.get("blocked_by"))

    wait_until(lambda: len(blocked_by()) >= 5, "the events are stored")
    assert blocked_by() == ["body", "empty", "quota", "quota", "quota"]
    running.stop()
    assert "Traceback" not in running.output()


def test_new_rule_reaches_running_server(serve: Serve, collector: Collector, tmp_path: Path) -> None:
    running = serve("plain:app", to=collector)
    assert running.get().status == 200
    (tmp_path / "data" / "rules.json").write_text(json.dumps([rule(response={"status": 503, "body": {}})]))
    wait_until(lambda: running.get().status == 503, "the new rule is in force")
    (tmp_path / "data" / "rules.json").write_text("[]")
    wait_until(lambda: running.get().status == 200, "the rule is no longer in force")


GOVERNED: dict[str, Any] = {
    "headers": [rule(block=False, response={"headers": {"X-Limit": "10"}})],
    "bodies and users": [
        rule(block=False, response={"headers": {"X-Limit": "10"}}),
        rule("regex", "b", regex_config=when(body__a="1")),
        rule("user", "u"),
        rule("company", "c"),
    ],
}


@pytest.mark.parametrize("server", SERVERS)
@pytest.mark.parametrize(("rules", "callbacks"), [("headers", "none"), ("bodies and users", "all")])
def test_first_chunk_leaves_before_second_is_made(  # noqa: PLR0913, PLR0917 - a matrix
    serve: Serve, recorder: Recorder, gate: Gate, server: str, rules: str, callbacks: str
) -> None:
    recorder.rules = answer(GOVERNED[rules])
    running = serve("streaming:chunks", server, to=recorder, variables={**gate.environment, "CALLBACKS": callbacks})

    def is_governed() -> bool:
        return bool(read_through(running.connection(), gate).headers["X-Limit"] == "10")

    wait_until(is_governed, "the rules are in force")
