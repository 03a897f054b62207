"""A worker that its server replaces delivers everything and exits cleanly (docs/guarantees.md, I-3, I-4, I-5)."""

from __future__ import annotations

import threading
import time
from collections import Counter
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.conftest import Serve
    from tests.recorder import Recorder

GUNICORN = ("--workers", "2", "--max-requests", "10")
UWSGI = ("--master", "--processes", "2", "--max-requests", "10", "--min-worker-lifetime", "0", "--forkbomb-delay", "0")
# Exit status of a recycled worker. uWSGI uses its own code.
CLEAN_EXIT = {"gunicorn": 0, "uwsgi": 30 << 8}


@pytest.mark.parametrize(
    ("server", "arguments"),
    [
        ("gunicorn-sync", GUNICORN),
        ("gunicorn-gthread", GUNICORN),
        ("gunicorn-gevent", (*GUNICORN, "--preload")),
        ("uwsgi", UWSGI),
        ("uwsgi", (*UWSGI, "--lazy-apps")),
        ("uwsgi", (*UWSGI, "--enable-threads", "--threads", "4")),
    ],
    ids=["gunicorn-sync", "gunicorn-gthread", "gunicorn-gevent-preload", "uwsgi", "uwsgi-lazy", "uwsgi-threads"],
)
def test_recycled_worker_exits_cleanly_and_loses_nothing(
    serve: Serve, recorder: Recorder, server: str, arguments: tuple[str, ...]
) -> None:
    # Nothing is sent before a worker ends.
    running = serve("plain:pid", server, to=recorder, arguments=arguments, EVENT_BATCH_TIMEOUT=600, FLUSH_TIMEOUT=30)
    answered: Counter[str] = Counter()
    recycled: set[str] = set()
    deadline = time.monotonic() + 60
    with _ends_of_children(running.process.pid) as ends:
        while len(recycled) < 4:
            assert time.monotonic() < deadline, answered
            answered[running.get(f"/{answered.total()}").body.decode()] += 1
            recycled = answered.keys() - _children(running.process.pid)
        events = recorder.wait_for(sum(answered[process] for process in recycled), timeout=60)
    running.kill()
    delivered = Counter(event["response"]["headers"]["X-Pid"] for event in events)
    assert {process: delivered[process] for process in recycled} == {process: answered[process] for process in recycled}
    assert set(Counter(event["request"]["uri"] for event in recorder.events).values()) == {1}
    seen = {end for process, end in ends.items() if process in recycled}
    assert seen == {CLEAN_EXIT[server.partition("-")[0]]}, ends
    assert not any(sign in running.output() for sign in ("Segmentation", "DAMN", "exited with code", "panicked"))


def _children(process: int) -> set[str]:
    return set(Path(f"/proc/{process}/task/{process}/children").read_text().split())


@contextmanager
def _ends_of_children(process: int) -> Iterator[dict[str, int]]:
    """Collect the exit statuses of child processes, if they are seen before the parent reaps them."""
    ends: dict[str, int] = {}
    is_done = threading.Event()

    def watch() -> None:
        while not is_done.wait(0.001):
            with suppress(OSError):
                for child in _children(process):
                    state, *fields = Path(f"/proc/{child}/stat").read_text().rpartition(") ")[2].split()
                    if state == "Z":
                        ends[child] = int(fields[48])

    watching = threading.Thread(target=watch)
    watching.start()
    try:
        yield ends
    finally:
        is_done.set()
        watching.join()
