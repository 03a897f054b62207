"""The collector of this project, as a process."""

from __future__ import annotations

import json
import os
import subprocess
import time
import urllib.parse
import urllib.request
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.ports import collector_at

ROOT = Path(__file__).parent.parent


def collector_binary() -> Path:
    """Return the path in ``MOESIF_COLLECTOR``, or that of the release build."""
    binary = Path(os.environ.get("MOESIF_COLLECTOR") or ROOT / "target" / "release" / "moesif-collector")
    if not os.access(binary, os.X_OK):
        message = f"{binary} does not exist: run `make build`, or set MOESIF_COLLECTOR to another collector"
        raise FileNotFoundError(message)
    return binary


@dataclass(frozen=True)
class Nowhere:
    """The address of a collector that cannot be reached."""

    uri: str
    application_id: str = "unreachable"


class Collector:
    """A collector on a free port, with its own database."""

    def __init__(self, directory: Path) -> None:
        self.application_id = f"test-{uuid.uuid4()}"
        self._directory = directory
        self._log = (directory / "collector.log").open("wb")
        self.process, self.uri = self._start("127.0.0.1:0")

    def restart(self) -> None:
        """Start the collector again after it ended, with the same port and database."""
        assert self.process.stdout
        self.process.stdout.close()
        self.process, _ = self._start(self.uri.removeprefix("http://"))

    def _start(self, address: str) -> tuple[subprocess.Popen[str], str]:
        process = subprocess.Popen(
            [collector_binary(), "--listen", address, "--data", self._directory / "data"],
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
        )
        assert process.stdout
        first_line = process.stdout.readline()
        assert first_line.startswith("listening on http://"), first_line
        uri = first_line.removeprefix("listening on ").strip()
        collector_at(int(uri.rpartition(":")[2]))
        return process, uri

    def events(self, **filters: object) -> list[dict[str, Any]]:
        """Return the rows of all pages of ``GET /api/events``, newest first."""
        rows: list[dict[str, Any]] = []
        cursor: object = None
        while True:
            query = {"limit": 1000, **filters} | ({"cursor": cursor} if cursor else {})
            page = self._get(f"/api/events?{urllib.parse.urlencode(query)}")
            rows += page["events"]
            cursor = page["next"]
            if not cursor or not page["events"]:
                return rows

    def event(self, identifier: object) -> dict[str, Any]:
        """Return one event with all its fields."""
        event: dict[str, Any] = self._get(f"/api/events/{identifier}")
        return event

    def user(self, identifier: str) -> dict[str, Any]:
        """Return the profile of a user."""
        return self._profile("users", identifier)

    def company(self, identifier: str) -> dict[str, Any]:
        """Return the profile of a company."""
        return self._profile("companies", identifier)

    def subscription(self, identifier: str) -> dict[str, Any]:
        """Return a subscription."""
        return self._profile("subscriptions", identifier)

    def actions(self) -> list[dict[str, Any]]:
        """Return all actions, newest first."""
        actions: list[dict[str, Any]] = self._get("/api/actions")["actions"]
        return actions

    def wait_for(self, count: int, timeout: float = 30) -> list[dict[str, Any]]:
        """Wait until at least ``count`` events are stored, and return them all."""
        deadline = time.monotonic() + timeout
        while len(rows := self.events()) < count:
            assert time.monotonic() < deadline, f"{len(rows)} of {count} events within {timeout} s"
            time.sleep(0.02)
        return rows

    def close(self) -> None:
        self.process.terminate()
        assert self.process.stdout
        self.process.stdout.close()
        self.process.wait(20)
        self._log.close()

    def _profile(self, kind: str, identifier: str) -> dict[str, Any]:
        profile: dict[str, Any] = self._get(f"/api/{kind}/{urllib.parse.quote(identifier, safe='')}")
        return profile

    def _get(self, path: str) -> Any:
        with urllib.request.urlopen(self.uri + path, timeout=30) as answer:
            return json.load(answer)
