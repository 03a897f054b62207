"""Counts the instructions that a call costs the thread that serves it: `make instructions`.

Runs benches/subject.py's application under `valgrind --tool=callgrind`, bare and behind the middleware, for two
numbers of calls. The difference between the two runs, divided by the difference in calls, is the cost of one call
without start-up. What the middleware adds is its cost less that of the bare application. Only the main thread counts:
worker threads deliver meanwhile. The count does not depend on the speed or the load of the machine.
"""

from __future__ import annotations

import argparse
import os
import platform
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from benches import side_by_side
from benches.subject import application, drive

ROOT = Path(__file__).resolve().parent.parent
FEW, MANY = 1000, 3000
#: Calls between two flushes. After a flush, the records of delivered calls are recycled, as in a server.
CALLS_PER_FLUSH = 50


def serve(subject: str, sink: str, calls: int) -> None:
    """Makes the calls. This part of the program runs under callgrind."""
    if subject == "bare":
        drive(application, calls)
        return
    import moesif  # noqa: PLC0415 - the bare subject must not load it
    import moesifwsgi  # noqa: PLC0415

    app = moesifwsgi.MoesifMiddleware(application, {"APPLICATION_ID": "bench", "BASE_URI": sink})
    for _ in range(0, calls, CALLS_PER_FLUSH):
        drive(app, CALLS_PER_FLUSH)
        moesif.flush()


def count(python: str, subject: str, sink: str, calls: int) -> int:
    """Returns the instructions of the main thread of a program that makes so many calls."""
    with tempfile.TemporaryDirectory() as folder:
        valgrind = ["valgrind", "--tool=callgrind", "--separate-threads=yes", f"--callgrind-out-file={folder}/out"]
        program = [python, "-m", "benches.instructions", "--serve", subject, "--sink", sink, "--calls", str(calls)]
        environment = {**os.environ, "PYTHONHASHSEED": "0"}
        run = subprocess.run(
            [*valgrind, *program], capture_output=True, text=True, check=False, cwd=ROOT, env=environment
        )
        if run.returncode != 0:
            sys.exit(f"{subject} failed under callgrind:\n{run.stderr}")
        found = re.search(r"^(?:totals|summary): (\d+)", (Path(folder) / "out-01").read_text(), re.MULTILINE)
        if found is None:
            sys.exit("callgrind wrote no total for the main thread")
        return int(found[1])


def per_call(python: str, subject: str, sink: str) -> float:
    few, many = (count(python, subject, sink, calls) for calls in (FEW, MANY))
    return (many - few) / (MANY - FEW)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--against", metavar="PYTHON", help="interpreter with another build installed, to compare with")
    parser.add_argument("--serve", choices=["bare", "middleware"], help=argparse.SUPPRESS)
    parser.add_argument("--sink", help=argparse.SUPPRESS)
    parser.add_argument("--calls", type=int, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.serve:
        serve(arguments.serve, arguments.sink, arguments.calls)
        return
    with side_by_side.sink() as sink:
        bare = per_call(sys.executable, "bare", sink)
        added = per_call(sys.executable, "middleware", sink) - bare
        print(f"Python {platform.python_version()}, {platform.machine()}")
        print(f"bare application   {bare:>9,.0f} instructions a call")
        print(f"the middleware adds{added:>9,.0f}")
        if arguments.against:
            other = per_call(arguments.against, "middleware", sink) - bare
            print(f"the other build    {other:>9,.0f}, so this one has {added / other:.2f} times as many")


if __name__ == "__main__":
    main()
