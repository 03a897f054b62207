"""Kills the collector under load, again and again, and compares what was captured with what is stored.

What a collector has acknowledged it must hold after it was killed; what a client has captured is either stored or
counted as lost. `make chaos` runs it with twenty kills; the tests run a shorter form.
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

# Calls until its standard input ends, then delivers what is left and prints its accounts.
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
class Outcome:
    """What a run has come to."""

    stats: dict[str, object]
    captured: int
    sent: int
    lost: int
    stored: Counter[str]


def run(directory: Path, kills: int, seed: int = 1) -> Outcome:
    """Kill the collector so many times, with a second or two of load in between."""
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
    return Outcome(
        stats=stats,
        captured=stats["captured"],
        sent=stats["sent"],
        lost=sum(stats["dropped"].values()),
        stored=stored,
    )


def check(outcome: Outcome) -> None:
    """Everything captured is stored once, or counted as lost."""
    assert outcome.stats["settled"], outcome.stats
    assert max(outcome.stored.values()) == 1
    assert outcome.captured == outcome.sent + outcome.lost, outcome.stats
    assert len(outcome.stored) >= outcome.sent, "an acknowledged event is not stored"
    assert len(outcome.stored) == outcome.captured - outcome.lost, outcome.stats


def main() -> None:
    """Run with as many kills as the first argument says."""
    with tempfile.TemporaryDirectory() as directory:
        outcome = run(Path(directory), int(sys.argv[1]))
    print(json.dumps({**outcome.stats, "stored": len(outcome.stored)}, indent=1))
    check(outcome)


if __name__ == "__main__":
    main()
