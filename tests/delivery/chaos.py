"""Kills the collector repeatedly under load, and compares the captured events with the stored ones.

A collector must still hold the events that it acknowledged before it was killed. An event that a client
captured is either stored or counted as lost. `make chaos` kills it twenty times; the tests do so less often.
"""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from tests.collector import ROOT, Collector
from tests.server import environment

# Serves requests until its standard input ends, then delivers the remaining events and prints its statistics.
LOAD = """
import json, sys, threading, time
import moesif
from moesifwsgi import MoesifMiddleware
from tests.gateway import hello, make_environ, request

application = MoesifMiddleware(hello, {})
ended = threading.Event()
threading.Thread(target=lambda: (sys.stdin.read(), ended.set()), daemon=True).start()
number = 0
while not ended.is_set():
    request(application, make_environ(path=f"/{number}"))
    number += 1
    if number % 20 == 0:
        time.sleep(0.01)
        stats = moesif.stats()
        waiting = stats["queued"] + stats["in_flight"]
        assert stats["captured"] == number == stats["sent"] + waiting + sum(stats["dropped"].values()), stats
end = time.monotonic() + 90
while not (settled := moesif.flush(1)) and time.monotonic() < end:
    pass
print(json.dumps({"settled": settled, **moesif.stats()}))
"""


@dataclass(frozen=True)
class Result:
    """The numbers at the end of a run."""

    stats: dict[str, object]
    captured: int
    sent: int
    lost: int
    stored: Counter[str]


def run(directory: Path, kills: int, seed: int = 1) -> Result:
    """Kill the collector ``kills`` times, with about a second of load before each."""
    source = random.Random(seed)
    collector = Collector(directory)
    variables = environment(collector.uri, collector.application_id, {"REQUEST_TIMEOUT": 2, "FLUSH_TIMEOUT": 0})
    load = subprocess.Popen(
        [sys.executable, "-c", LOAD],
        cwd=ROOT,
        env=variables,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        for _ in range(kills):
            time.sleep(source.uniform(0.3, 1.5))
            collector.process.send_signal(signal.SIGKILL)
            collector.process.wait()
            time.sleep(source.uniform(0, 0.7))
            collector.restart()
        time.sleep(0.5)
        output, _ = load.communicate(timeout=150)
        stats = json.loads(output)
        stored = Counter(event["transaction_id"] for event in collector.events())
    finally:
        load.kill()
        collector.close()
    return Result(
        stats=stats,
        captured=stats["captured"],
        sent=stats["sent"],
        lost=sum(stats["dropped"].values()),
        stored=stored,
    )


def assert_nothing_lost(result: Result) -> None:
    """Assert that every captured event is stored once, or counted as lost."""
    assert result.stats["settled"], result.stats
    assert max(result.stored.values()) == 1
    assert result.captured == result.sent + result.lost, result.stats
    assert len(result.stored) >= result.sent, "an acknowledged event is not stored"
    assert len(result.stored) == result.captured - result.lost, result.stats


def main() -> None:
    """Run with the number of kills in the first argument."""
    with tempfile.TemporaryDirectory() as directory:
        result = run(Path(directory), int(sys.argv[1]))
    print(json.dumps({**result.stats, "stored": len(result.stored)}, indent=1))
    assert_nothing_lost(result)


if __name__ == "__main__":
    main()
