"""Applications that another agent traces run as without us, are recorded completely, and stay traced (I-30).

The agents are real: each is in an environment of its own, and patches requests and Django as its users let it.
"""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import pytest

from tests.environments import ROOT, prepared
from tests.outgoing.api import DOCUMENT
from tests.server import environment

if TYPE_CHECKING:
    from tests.outgoing.api import Api
    from tests.recorder import Event, Recorder

PACKAGES = {
    "ddtrace": ("ddtrace==4.16.0",),
    "elastic": ("elastic-apm==6.26.2",),
    "newrelic": ("newrelic==14.1.0",),
    "opentelemetry": (
        "opentelemetry-sdk==1.45.2",
        "opentelemetry-instrumentation-django==0.66b2",
        "opentelemetry-instrumentation-requests==0.66b2",
        "opentelemetry-instrumentation-wsgi==0.66b2",
    ),
    "sentry": ("sentry-sdk==2.75.0",),
}
#: Settings of Django and of the agents. Nothing listens at port 9, so no agent finds a backend.
VARIABLES = {
    "DJANGO_SETTINGS_MODULE": "tests.agents.settings",
    "DD_TRACE_AGENT_URL": "http://127.0.0.1:9",
    "DD_INSTRUMENTATION_TELEMETRY_ENABLED": "false",
    "DD_REMOTE_CONFIGURATION_ENABLED": "false",
    "ELASTIC_APM_SERVER_URL": "http://127.0.0.1:9",
    "ELASTIC_APM_CENTRAL_CONFIG": "false",
    "ELASTIC_APM_CLOUD_PROVIDER": "none",
    "ELASTIC_APM_SERVICE_NAME": "tests",
    "NEW_RELIC_APP_NAME": "tests",
    "NEW_RELIC_DEVELOPER_MODE": "true",
    "NEW_RELIC_LICENSE_KEY": "0" * 40,
    "NEW_RELIC_LOG": os.devnull,
}
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
#: The requests that ``call_api`` makes, and the events that they leave.
REQUESTS = ["/echo", "/redirect?/items", "/items", "/chunked", "/prepared"]
OUTGOING = ["/echo", "/redirect?/items", "/chunked", "/prepared"]


@cache
def _interpreter(agent: str) -> str:
    packages = ("requests==2.34.2", "Django==5.2.19", *PACKAGES[agent])
    return str(prepared(f"agent-{agent}", packages) / "bin" / "python")


@dataclass
class Calls:
    """The events of one incoming call and of the calls that were made meanwhile."""

    incoming: Event
    outgoing: list[Event]


def _group(events: list[Event]) -> tuple[dict[str, Calls], list[Event]]:
    """Return the calls by path, and the events of outgoing calls that belong to none of them."""
    incoming = {event["transaction_id"]: event for event in events if event["direction"] == "Incoming"}
    rest = [event for event in events if event["direction"] == "Outgoing"]
    calls = {}
    for transaction_id, event in incoming.items():
        made = [one for one in rest if one.get("metadata", {}).get("incoming_transaction_id") == transaction_id]
        rest = [one for one in rest if one not in made]
        calls[event["request"]["uri"].rpartition("/")[2]] = Calls(event, made)
    return calls, rest


def _check_incoming(event: Event) -> None:
    assert event["request"]["verb"] == "POST"
    assert event["request"]["body"] == {"asked": 1}
    assert event["response"]["status"] == 200
    assert event["response"]["body"] == {"made": 4}


def _check_outgoing(events: list[Event], api: Api) -> None:
    assert [event["request"]["uri"] for event in events] == [f"{api.uri}{path}" for path in OUTGOING]
    assert events[0]["request"]["body"] == {"number": 1}
    assert [event["response"]["status"] for event in events] == [200] * 4
    assert [event["response"]["body"] for event in events] == [{"number": 1}, DOCUMENT, DOCUMENT, DOCUMENT]
    assert not any("error" in event.get("metadata", {}) for event in events)


@pytest.mark.timeout(600)  # installs the agent if it is not there yet
@pytest.mark.parametrize("order", ["agent-first", "ours-first"])
@pytest.mark.parametrize("agent", PACKAGES)
def test_agent_and_application_do_not_notice_us(agent: str, order: str, api: Api, recorder: Recorder) -> None:
    variables = environment(recorder.uri, recorder.application_id, {"EVENT_WORKER_COUNT": 1}) | VARIABLES
    ended = subprocess.run(
        [_interpreter(agent), "-m", "tests.agents.program", order],
        cwd=ROOT,
        env=variables | {"AGENT": agent, "API": api.uri, "TRACE": TRACE},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    # The asserts of the program are about what the application gets.
    assert ended.returncode == 0, ended.stderr
    assert "please report it" not in ended.stderr

    paths = [*(["outside"] if order == "agent-first" else []), "inside", "django", "again"]
    calls, rest = _group(recorder.events)
    assert calls.keys() == set(paths)
    for call in calls.values():
        _check_incoming(call.incoming)
        _check_outgoing(call.outgoing, api)

    # While an application is served, each request of it belongs to the trace of the incoming call.
    # Another process of this machine may look for its collector at this port.
    seen = [(path, headers) for _, path, headers, _ in api.seen if path in REQUESTS]
    assert [path for path, _ in seen] == REQUESTS * (len(paths) + 2)
    traced = [any(TRACE in value for value in headers.values()) for _, headers in seen]
    assert traced == [True] * len(REQUESTS) * len(paths) + [False] * len(REQUESTS) * 2

    # The agent has been stopped and ours has not, and then both. elastic-apm puts back what it found: not ours.
    if (agent, order) == ("elastic", "agent-first"):
        assert rest == []
    else:
        _check_outgoing(rest, api)
    # The class has the function of requests again. newrelic cannot be stopped: its wrapper stays around what it found.
    wrapped = "sessions.py" if order == "agent-first" else "hook.py"
    assert ended.stdout == (f"FunctionWrapper {wrapped}\n" if agent == "newrelic" else "function sessions.py\n")
