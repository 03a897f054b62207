"""Every example works, started with the commands in its docstring."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from tests.collector import ROOT
from tests.examples import commands
from tests.ports import bind_fresh
from tests.server import Response

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.collector import Collector
    from tests.outgoing.api import Api

EXAMPLES = ("flask", "bottle", "pyramid", "falcon", "django", "plain")

USER = {
    "company_id": "67890",
    "campaign": {"utm_source": "google", "utm_term": "api+tooling"},
    "metadata": {"email": "john@acmeinc.com", "sales_info": {"stage": "Customer", "lifetime_value": 24000}},
}
COMPANY = {
    "company_domain": "acmeinc.com",
    "metadata": {"org_name": "Acme, Inc", "demographics": {"employee_count": 47}},
}


def _commands(example: str) -> list[str]:
    return commands.commands(f"{example}/app.py")


@dataclass
class Application:
    """A running example."""

    process: subprocess.Popen[bytes]
    port: int
    log: Path

    def call(self, method: str, path: str, document: object = None, headers: dict[str, str] | None = None) -> Response:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            body = None if document is None else json.dumps(document)
            connection.request(method, path, body, {"Content-Type": "application/json", **(headers or {})})
            answer = connection.getresponse()
            return Response(answer.status, answer.msg, answer.read())
        finally:
            connection.close()

    def wait_until_it_listens(self) -> None:
        deadline = time.monotonic() + 30
        while not self._listens():
            assert self.process.poll() is None, self.log.read_text()
            assert time.monotonic() < deadline, self.log.read_text()
            time.sleep(0.05)

    def _listens(self) -> bool:
        with socket.socket() as connection:
            return connection.connect_ex(("127.0.0.1", self.port)) == 0

    def interrupt(self) -> None:
        """End it as Ctrl-C does."""
        self.process.send_signal(signal.SIGINT)
        self.process.wait(90)


@pytest.fixture
def application(request: pytest.FixtureRequest, collector: Collector, tmp_path: Path) -> Iterator[Application]:
    with bind_fresh() as free:
        port = free.getsockname()[1]
    variables = commands.variables(
        collector,
        PORT=str(port),
        UVICORN_PORT=str(port),
        DATABASE=str(tmp_path / "db.sqlite3"),
        GUNICORN_CMD_ARGS=f"--bind 127.0.0.1:{port} --no-control-socket",
    )
    log = tmp_path / "application.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            commands.arguments(request.param),
            cwd=ROOT,
            env=variables,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    started = Application(process, port, log)
    try:
        started.wait_until_it_listens()
        yield started
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


@pytest.mark.parametrize(
    "application",
    [pytest.param(command, id=command) for example in EXAMPLES for command in _commands(example)],
    indirect=True,
)
def test_calls_of_an_example_are_recorded(application: Application, collector: Collector) -> None:
    identified = {"X-User-Id": "12345", "X-Company-Id": "67890", "Cookie": "other=1; session=XXXXXXXXXXXXXX"}
    probe = application.call("GET", "/health/probe")
    answers = {
        "me": application.call("GET", "/me?page=2", headers=identified),
        "anonymous": application.call("GET", "/me"),
        "user": application.call("POST", "/users/12345", USER),
        "users": application.call("PUT", "/users", [{**USER, "user_id": "1"}, {**USER, "user_id": "2"}]),
        "company": application.call("POST", "/companies/67890", COMPANY),
        "companies": application.call("PUT", "/companies", [{**COMPANY, "company_id": "1"}]),
        "missing": application.call("GET", "/nowhere"),
    }
    statuses = {name: answer.status for name, answer in answers.items()}
    assert (probe.status, json.loads(probe.body)) == (200, {"status": True})
    assert statuses == {
        "me": 200,
        "anonymous": 200,
        "user": 201,
        "users": 204,
        "company": 201,
        "companies": 204,
        "missing": 404,
    }
    assert json.loads(answers["me"].body) == {"seen": True}

    # The helpers wait for the collector, so the profiles are stored by now.
    for user in ("12345", "1", "2"):
        stored = collector.user(user)
        assert {name: stored[name] for name in USER} == USER
        assert stored["user_id"] == user
    for company in ("67890", "1"):
        stored = collector.company(company)
        assert {name: stored[name] for name in COMPANY} == COMPANY

    # Wait until the application is idle, because an interrupt during a request would be raised inside that request.
    # Events that still wait are delivered when the application ends.
    collector.wait_for(len(answers), 30)
    application.interrupt()
    events = {row["transaction_id"]: collector.event(row["id"]) for row in collector.events()}
    assert len(events) == len(answers), "only the health check is skipped"
    event = {name: events[answer.headers["X-Moesif-Transaction-Id"]] for name, answer in answers.items()}

    assert event["me"]["request"]["uri"] == f"http://127.0.0.1:{application.port}/me?page=2"
    assert event["me"]["user_id"] == "12345"
    assert event["me"]["company_id"] == "67890"
    assert event["me"]["session_token"] == "XXXXXXXXXXXXXX"
    assert event["me"]["response"]["body"] == {"seen": True}
    assert "user_id" not in event["anonymous"]
    assert "session_token" not in event["anonymous"]
    for one in event.values():
        assert one["metadata"] == {"datacenter": "westus", "deployment_version": "v1.2.3"}
    assert event["missing"]["response"]["status"] == 404

    answer = json.loads(answers["user"].body)
    assert answer["id"] == "12345"
    assert len(answer["password"]) > 20
    assert answer["password"] not in json.dumps(events)
    assert event["user"]["response"]["body"]["id"] == "12345"
    assert event["user"]["request"]["body"] == USER


def test_outgoing_example_runs_by_its_command_alone(collector: Collector) -> None:
    [command] = _commands("outgoing")
    ended = commands.run(command, collector)
    assert (ended.stdout.split("\n"), ended.stderr) == (["no connection", "delivered", ""], "")
    assert [row["status"] for row in collector.events()].count(200) == 3


def test_outgoing_calls_of_a_program_are_recorded(collector: Collector, api: Api) -> None:
    [command] = _commands("outgoing")
    ended = commands.run(command, collector, API=api.uri)
    assert ended.stderr == ""
    assert ended.stdout.split("\n") == ["no connection", "delivered", ""]
    assert len(api.seen) == 4
    events = {event["request"]["uri"]: event for row in collector.events() if (event := collector.event(row["id"]))}
    items, echo, large, unreachable = (
        events[uri]
        for uri in (
            f"{api.uri}/items?page=2",
            f"{api.uri}/echo",
            f"{api.uri}/large?100000",
            "http://127.0.0.1:1/unreachable",
        )
    )
    assert len(events) == 4, "only the health check is skipped"
    assert {event["direction"] for event in events.values()} == {"Outgoing"}
    assert (items["user_id"], items["company_id"]) == ("12345", "67890")
    assert "Authorization" not in items["request"]["headers"]
    assert (echo["request"]["body"], echo["response"]["body"]) == ({"name": "spanner"}, {"name": "spanner"})
    assert large["response"]["headers"]["X-Moesif-Body-Truncated"] == "1"
    assert "response" not in unreachable
    assert unreachable["metadata"]["error"] == "requests.exceptions.ConnectionError"
    assert unreachable["metadata"]["datacenter"] == "westus"


@pytest.mark.parametrize("application", _commands("django"), indirect=True)
def test_the_user_of_a_django_session_is_recorded(application: Application, collector: Collector) -> None:
    logged_in = application.call("POST", "/login", {"username": "ann", "password": "secret"})
    assert json.loads(logged_in.body) == {"welcome": "ann"}
    session = logged_in.headers["Set-Cookie"].split(";")[0]
    answer = application.call("GET", "/me", headers={"Cookie": session})
    streamed = application.call("GET", "/stream")
    assert (answer.status, answer.headers["Vary"]) == (200, None)
    assert streamed.body == b"line 0\nline 1\nline 2\n"
    collector.wait_for(3)
    events = {row["transaction_id"]: collector.event(row["id"]) for row in collector.events()}
    login, seen, stream = (
        events[response.headers["X-Moesif-Transaction-Id"]] for response in (logged_in, answer, streamed)
    )
    assert (login["user_id"], seen["user_id"]) == ("ann", "ann")
    assert login["request"]["body"] == {"username": "ann"}
    assert "Cookie" not in seen["request"]["headers"]
    assert stream["response"]["content_length"] == len(streamed.body)


def test_the_readme_lists_every_example() -> None:
    readme = (ROOT / "examples" / "README.md").read_text()
    for example in (*EXAMPLES, "outgoing"):
        for command in _commands(example):
            assert command in readme, example
