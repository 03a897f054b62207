"""Measures the middlewares against PyPI's moesifwsgi and moesifdjango, in one run on one machine: `make bench`.

Each subject runs in its own interpreter, upstream in its own virtual environment (.venv-upstream). In each round the
bare application, upstream and ours take turns, so that a slow moment of the machine affects all three. The result is
the median of the rounds.

- Added time: the subject's percentile minus that of the bare application in the same round.
- CPU per event: user and system time of the process until every event is delivered, minus the bare application's.
- Events per second: from the first call to the arrival of the last batch, with one thread calling as fast as it can.
  For Django: to the end of a flush, or of a fixed time for upstream, which has no flush.
- Memory: largest growth during 400 calls with 1 MB in and out, with a collector that never answers.
- Fork: time until the child has ended.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
UPSTREAM = ROOT / ".venv-upstream" / "bin" / "python"
RATE_CALLS = 40_000
MEGABYTE_CALLS = 400
FORKS = 300
DJANGO_CALLS = 20_000


@dataclass
class Round:
    """Result of one run of one subject. Times are in microseconds."""

    p50: float
    p99: float
    cpu: float
    events: int
    #: Events delivered in a second.
    rate: float


def upstream_version(package: str = "moesifwsgi") -> str:
    """Returns the installed version of the replaced package. `make bench` installs it."""
    program = f"import importlib.metadata; print(importlib.metadata.version({package!r}))"
    return subprocess.run([UPSTREAM, "-c", program], capture_output=True, text=True, check=True).stdout.strip()


@contextmanager
def sink(*arguments: str) -> Iterator[str]:
    command = [sys.executable, str(HERE / "sink.py"), *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield f"http://127.0.0.1:{process.stdout.readline().strip()}"
        finally:
            process.kill()


def run_subject(
    python: Path | str, subject: str, calls: int, workload: str = "calls", program: str = "subject"
) -> dict[str, Any]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MOESIF_")}
    with sink(*(["--stall"] if workload == "memory" else [])) as address:
        command = [python, "-m", f"benches.{program}", subject, "--sink", address, "--calls", str(calls)]
        command += ["--workload", workload]
        run = subprocess.run(command, capture_output=True, text=True, check=False, env=environment, cwd=ROOT)
    if run.returncode != 0:
        sys.exit(f"{subject} failed under {python}:\n{run.stderr}")
    found: dict[str, Any] = json.loads(run.stdout.splitlines()[-1])
    return found


def measure(python: Path | str, subject: str, calls: int, program: str = "subject") -> Round:
    found = run_subject(python, subject, calls, program=program)
    times = sorted(found["times"])
    return Round(
        p50=times[len(times) // 2] / 1000,
        p99=times[int(len(times) * 0.99)] / 1000,
        cpu=found["cpu_s"] * 1e6,
        events=found["events"],
        rate=found["rate"],
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--calls", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--package", choices=["moesifwsgi", "moesifdjango"], help="measure only this one")
    arguments = parser.parse_args()
    if arguments.package != "moesifdjango":
        compare_wsgi(arguments.rounds, arguments.calls)
    if arguments.package != "moesifwsgi":
        compare_django(arguments.rounds)


def compare_django(rounds: int) -> None:
    """Measures the Django middlewares and prints the table."""
    subjects = {"upstream": UPSTREAM, "ours": Path(sys.executable)}
    found: dict[str, list[tuple[float, ...]]] = {name: [] for name in subjects}
    lost = dict.fromkeys(subjects, 0)
    for number in range(rounds):
        bare = measure(sys.executable, "bare", DJANGO_CALLS, "django_subject")
        for name, python in subjects.items():
            round_ = measure(python, "middleware", DJANGO_CALLS, "django_subject")
            lost[name] += DJANGO_CALLS - round_.events
            found[name].append((round_.p50 - bare.p50, round_.p99 - bare.p99, round_.rate))
        print(f"Django: round {number + 1} of {rounds}", file=sys.stderr)
    (p50, p99, rate), (our_p50, our_p99, our_rate) = (
        [statistics.median(column) for column in zip(*found[name], strict=True)] for name in subjects
    )
    print(f"\nmoesifdjango {upstream_version('moesifdjango')}; median of {rounds} rounds of {DJANGO_CALLS} calls\n")
    print(f"{'':44}{'upstream':>10}{'ours':>10}{'ratio':>10}")
    print(f"{'added on the request thread, p50, µs':44}{p50:>10.1f}{our_p50:>10.1f}{p50 / our_p50:>9.1f}x")
    print(f"{'added on the request thread, p99, µs':44}{p99:>10.1f}{our_p99:>10.1f}{p99 / our_p99:>9.1f}x")
    print(f"{'events delivered per second, one process':44}{rate:>10.0f}{our_rate:>10.0f}{our_rate / rate:>9.1f}x")
    print(f"{'events not delivered':44}{lost['upstream']:>10}{lost['ours']:>10}")


def compare_wsgi(rounds_wanted: int, calls: int) -> None:
    """Measures the WSGI middlewares and prints the table."""
    subjects = {"upstream": UPSTREAM, "ours": Path(sys.executable)}
    added: dict[str, list[tuple[float, ...]]] = {name: [] for name in subjects}
    lost = dict.fromkeys(subjects, 0)
    started = time.monotonic()
    for number in range(rounds_wanted):
        bare = measure(sys.executable, "bare", calls)
        for name, python in subjects.items():
            found = measure(python, "middleware", calls)
            lost[name] += calls - found.events
            cpu = (found.cpu - bare.cpu) / max(found.events, 1)
            added[name].append((found.p50 - bare.p50, found.p99 - bare.p99, cpu))
        print(f"round {number + 1} of {rounds_wanted}", file=sys.stderr)
    median = {
        name: [statistics.median(column) for column in zip(*rounds, strict=True)] for name, rounds in added.items()
    }
    rates: dict[str, float] = {}
    for name, python in subjects.items():
        found_rates = [run_subject(python, "middleware", RATE_CALLS, "rate")["rate"] for _ in range(3)]
        rates[name] = statistics.median(found_rates)
    grown = {
        name: run_subject(python, "middleware", MEGABYTE_CALLS, "memory")["grown"] for name, python in subjects.items()
    }
    bare_forks = statistics.median(run_subject(sys.executable, "bare", FORKS, "forks")["times"])
    forks = {
        name: statistics.median(run_subject(python, "middleware", FORKS, "forks")["times"]) - bare_forks
        for name, python in subjects.items()
    }
    print(
        f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, "
        f"moesifwsgi {upstream_version()}; median of {rounds_wanted} rounds of {calls} calls, "
        f"{time.monotonic() - started:.0f} s\n"
    )
    print(f"{'':44}{'upstream':>10}{'ours':>10}{'ratio':>10}")
    for row, title in enumerate(
        (
            "added on the request thread, p50, µs",
            "added on the request thread, p99, µs",
            "process CPU per delivered event, µs",
        )
    ):
        theirs, ours = median["upstream"][row], median["ours"][row]
        print(f"{title:44}{theirs:>10.1f}{ours:>10.1f}{theirs / ours:>9.1f}x")
    theirs, ours = rates["upstream"], rates["ours"]
    print(f"{'events delivered per second, one process':44}{theirs:>10.0f}{ours:>10.0f}{ours / theirs:>9.1f}x")
    theirs, ours = (grown[name] / 2**20 for name in ("upstream", "ours"))
    print(f"{'memory, collector stalled, 400 x 1 MB, MiB':44}{theirs:>10.0f}{ours:>10.0f}{theirs / ours:>9.1f}x")
    theirs, ours = (forks[name] / 1000 for name in ("upstream", "ours"))
    print(f"{'added to a fork and its child, p50, µs':44}{theirs:>10.0f}{ours:>10.0f}")
    print(f"{'events not delivered':44}{lost['upstream']:>10}{lost['ours']:>10}")


if __name__ == "__main__":
    main()
