"""Runs an application for a long time against a collector that fails now and then. Memory and threads must not grow.

Run it with `make soak SECONDS=600` (the default). It prints ten lines.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import threading
import time

from tests.collector import ROOT
from tests.delivery import fault_server as faults
from tests.server import environment

LOAD = """
import json, os, sys, threading, time
import moesif
from moesifwsgi import MoesifMiddleware
from tests.gateway import make_environ, request

def echo(environ, start_response):
    body = environ["wsgi.input"].read()
    start_response("200 OK", [("Content-Type", "application/json")])
    return iter([body])

application = MoesifMiddleware(echo, {})
bodies = [json.dumps({"field": "x" * size}).encode() for size in (10, 1000, 20_000)]
end = time.monotonic() + float(sys.argv[1])

def serve(thread):
    number = 0
    while time.monotonic() < end:
        request(application, make_environ("POST", f"/{thread}/{number}", bodies[number % 3]))
        number += 1
        time.sleep(0.002)

threads = [threading.Thread(target=serve, args=(number,)) for number in range(3)]
for thread in threads:
    thread.start()
samples = 20
while time.monotonic() < end:
    time.sleep(float(sys.argv[1]) / samples)
    with open("/proc/self/statm") as statm:
        resident = int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    tasks = len(os.listdir("/proc/self/task"))
    stats = moesif.stats()
    waiting = stats["queued"] + stats["in_flight"]
    parts = stats["sent"] + waiting + sum(stats["dropped"].values())
    assert stats["captured"] == parts, stats
    print(json.dumps({"resident": resident, "threads": tasks, **stats}), flush=True)
for thread in threads:
    thread.join()
"""

#: Bytes that workers may hold besides the queue, and that the allocator may keep.
ALLOWED_GROWTH = 24 << 20


def main() -> None:
    """Run for the number of seconds in the first argument."""
    seconds = float(sys.argv[1])
    source = random.Random(5)
    failures = [
        faults.status(503),
        faults.status(500),
        faults.reset,
        faults.close_unanswered,
        faults.garbage,
        faults.truncate,
    ]
    current_behaviour: list[faults.Behaviour] = [faults.accept]
    done = threading.Event()

    def behaviour(request: faults.Request) -> None:
        current_behaviour[0](request)
        # This process is not measured, but it must not run out of memory.
        request.server.forget_requests()

    def change_behaviour() -> None:
        while not done.wait(source.uniform(0.2, 3)):
            current_behaviour[0] = faults.accept if source.random() < 0.7 else source.choice(failures)

    server = faults.FaultServer(then=behaviour)
    threading.Thread(target=change_behaviour, daemon=True).start()
    options: dict[str, object] = {"EVENT_QUEUE_BYTES": 8 << 20, "REQUEST_TIMEOUT": 1, "FLUSH_TIMEOUT": 1}
    load = subprocess.Popen(
        [sys.executable, "-c", LOAD, str(seconds)],
        cwd=ROOT,
        env={**os.environ, **environment(server.uri, server.application_id, options)},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert load.stdout
    begun = time.monotonic()
    samples = []
    for line in load.stdout:
        samples.append(json.loads(line))
        last = samples[-1]
        if len(samples) % 2 == 0:
            shown = {key: last[key] for key in ("resident", "threads", "captured", "sent", "dropped", "breaker")}
            print(f"{time.monotonic() - begun:6.0f} s {json.dumps(shown)}", flush=True)
    code = load.wait()
    done.set()
    server.close()
    early, late = samples[len(samples) // 4 : len(samples) // 2], samples[-len(samples) // 4 :]
    grown = max(one["resident"] for one in late) - max(one["resident"] for one in early)
    assert code == 0, code
    assert grown < ALLOWED_GROWTH, f"memory grew by {grown >> 20} MiB"
    threads = {one["threads"] for one in samples[1:-1]}
    assert len(threads) == 1, f"the number of threads changed: {threads}"
    print(f"grown by {grown / 2**20:.1f} MiB, {threads.pop()} threads")


if __name__ == "__main__":
    main()
