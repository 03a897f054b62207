"""Functions that make governance rules and find the events of calls."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from tests.recorder import Answer
from tests.remote.config import wait_until

if TYPE_CHECKING:
    from tests.recorder import Event, Recorder

Rule = dict[str, Any]


def rule(kind: str = "regex", identifier: str = "r", **fields: Any) -> Rule:
    """Return a rule that blocks, with its id as body. ``fields`` replace its fields."""
    return {"_id": identifier, "type": kind, "block": True, "response": {"status": 402, "body": identifier}, **fields}


def when(**fields: Any) -> list[dict[str, Any]]:
    """Return a ``regex_config`` in which all given fields must match: ``when(route="^/a", body__query="x")``."""
    conditions = [{"path": f"request.{name.replace('__', '.')}", "value": value} for name, value in fields.items()]
    return [{"conditions": conditions}]


def answer(document: object) -> Answer:
    return Answer(200, body=json.dumps(document).encode())


def events_of(recorder: Recorder, path: str, count: int = 1) -> list[Event]:
    """Wait for the events of calls to this path."""

    def events() -> list[Event]:
        return [event for event in recorder.events if event["request"]["uri"].split("?")[0].endswith(path)]

    wait_until(lambda: len(events()) >= count, f"{count} events of {path}")
    return events()
