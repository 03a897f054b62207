"""Plays each corpus through both packages once, and prints a summary of the differences at the end of the run."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections import defaultdict
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import pytest

from tests.collector import ROOT
from tests.parity.compare import Finding, Recording, findings
from tests.parity.drive import SETTLED
from tests.recorder import Event, Recorder

if TYPE_CHECKING:
    from pathlib import Path

    from typing_extensions import Self

    from tests.parity.corpora import Corpus
    from tests.parity.differences import Difference

UPSTREAM = ROOT / ".venv-upstream" / "bin" / "python"
#: Finds the name of an exchange in a recorded URI.
MARK = re.compile(r"/exchange/([\w.-]+)")


@dataclass
class Report:
    """The recordings of both sides, and the fields that differ."""

    corpus: Corpus
    theirs: dict[str, Recording]
    ours: dict[str, Recording]

    @cached_property
    def findings(self) -> list[tuple[Finding, list[Difference]]]:
        """All findings, each with the differences that explain it."""
        return [
            (finding, self.corpus.explanations(finding))
            for exchange in self.corpus.exchanges
            for finding in findings(exchange, self.theirs[exchange.name], self.ours[exchange.name])
        ]


class Reports:
    """Plays a corpus when its report is first requested, and keeps the report."""

    def __init__(self, upstream: Path, logs: Path) -> None:
        self.made: dict[str, Report] = {}
        self._upstream = upstream
        self._logs = logs

    def about(self, corpus: Corpus) -> Report:
        if corpus.package not in self.made:
            log = self._logs / corpus.package
            with (
                _Player(self._upstream, corpus.driver, log.with_suffix(".upstream")) as theirs,
                _Player(sys.executable, corpus.driver, log.with_suffix(".ours")) as ours,
            ):
                self.made[corpus.package] = Report(corpus, theirs.recordings(), ours.recordings())
        return self.made[corpus.package]


REPORTS = pytest.StashKey[Reports]()


@pytest.fixture(scope="session")
def upstream() -> Path:
    """Python interpreter with the replaced packages."""
    if not UPSTREAM.exists():
        message = f"{UPSTREAM} does not exist: run `make test-python` to create it"
        raise FileNotFoundError(message)
    return UPSTREAM


@pytest.fixture(scope="session")
def reports(upstream: Path, tmp_path_factory: pytest.TempPathFactory, pytestconfig: pytest.Config) -> Reports:
    """Reports of all corpora."""
    pytestconfig.stash[REPORTS] = Reports(upstream, tmp_path_factory.mktemp("parity"))
    return pytestconfig.stash[REPORTS]


class _Player:
    """Runs a driver in its own interpreter and records what it delivers."""

    def __init__(self, python: Path | str, driver: str, log: Path) -> None:
        self.log = log
        self.recorder = Recorder()
        with log.open("w") as errors:
            self.process = subprocess.Popen(
                [python, "-m", driver, self.recorder.uri, self.recorder.application_id],
                cwd=ROOT,
                env={name: text for name, text in os.environ.items() if not name.startswith("MOESIF_")},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.process.kill()
        self.process.communicate()
        self.recorder.close()

    def recordings(self) -> dict[str, Recording]:
        assert self.process.stdout
        line = self.process.stdout.readline()
        assert line, f"the driver failed:\n{self.log.read_text()[-5000:]}"
        played = json.loads(line)
        events = self._events(played["following"])
        return {
            name: Recording(**seen, events=events.pop(name, []), pid=played["pid"])
            for name, seen in played["played"].items()
        }

    def _events(self, following: int) -> dict[str, list[Event]]:
        """Wait for the ``following`` marker events, which are sent last. Return the other events by exchange name."""
        deadline = time.monotonic() + 60
        mark = SETTLED.encode()
        while sum(delivery.json.count(mark) for delivery in self.recorder.accepted) < following:
            assert time.monotonic() < deadline, f"not everything was delivered:\n{self.log.read_text()[-5000:]}"
            time.sleep(0.05)
        by_name = defaultdict(list)
        for delivery in self.recorder.accepted:
            for event in json.loads(delivery.json, parse_constant=_name_constant):
                found = MARK.search(str(event["request"]["uri"]))
                if found:
                    by_name[found[1]].append(event)
        return by_name


def _name_constant(constant: str) -> str:
    """Return a name for NaN or Infinity, which upstream sends although they are not JSON."""
    return f"<{constant}>"


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Print each difference with the number of exchanges it explains."""
    reports = config.stash.get(REPORTS, None)
    for report in reports.made.values() if reports else ():
        _summarise(report, terminalreporter)


def _summarise(report: Report, terminalreporter: Any) -> None:
    exchanges = defaultdict(set)
    lost = 0
    for finding, differences in report.findings:
        lost += finding.field == "events" and finding.theirs is None
        for difference in differences:
            exchanges[difference.name].add(finding.exchange.name)
    terminalreporter.section(f"differences from {report.corpus.package} of PyPI")
    terminalreporter.line(
        f"Upstream lost {lost} of {len(report.corpus.exchanges)} exchanges that we recorded. "
        "Number of exchanges each difference explains:"
    )
    for difference in report.corpus.differences:
        page, place = difference.cites
        count = len(exchanges[difference.name])
        terminalreporter.line(f"{count:4}  {difference.name}: {difference.why} ({page}, {place})")
