"""Process exit delivers waiting events, up to a deadline (docs/guarantees.md, I-3)."""

from __future__ import annotations

import subprocess
import time
from typing import TYPE_CHECKING

import pytest

from tests.collector import Nowhere
from tests.recorder import Answer, Fault

if TYPE_CHECKING:
    from pathlib import Path

    from tests.collector import Collector
    from tests.conftest import RunProgram, Serve
    from tests.recorder import Recorder

PROGRAM = """
import os, sys, threading, time
from moesifwsgi import MoesifMiddleware
from tests.gateway import hello, request

application = MoesifMiddleware(hello, {})
for number in range(int(os.environ["REQUESTS"])):
    request(application)
print("end", time.monotonic(), flush=True)
"""

# Seconds after the deadline for the interpreter to end on a busy machine.
MARGIN = 10
# REQUEST_TIMEOUT in seconds. An exit that waited for an upload would take this long.
LONG_TIMEOUT = 60


# The last value is longer than the default.
@pytest.mark.parametrize("timeout", [0, 0.5, 4])
@pytest.mark.parametrize("requests", [1, 3000])
def test_hung_collector_delays_exit_by_at_most_flush_timeout(
    run_program: RunProgram, recorder: Recorder, timeout: float, requests: int
) -> None:
    recorder.answer_with(then=Fault.HANG)
    variables = {"REQUESTS": str(requests)}
    ended = run_program(PROGRAM, to=recorder, variables=variables, FLUSH_TIMEOUT=timeout, REQUEST_TIMEOUT=LONG_TIMEOUT)
    assert ended.code == 0, ended.errors
    assert timeout <= ended.seconds_after("end") + 0.1
    assert ended.seconds_after("end") < timeout + MARGIN


@pytest.mark.parametrize("uri", ["nowhere", "http://collector.invalid:9500"])
def test_unreachable_collector_delays_exit_by_at_most_flush_timeout(
    run_program: RunProgram, nowhere: Nowhere, uri: str
) -> None:
    variables = {"REQUESTS": "500"} | ({} if uri == "nowhere" else {"MOESIF_BASE_URI": uri})
    ended = run_program(PROGRAM, to=nowhere, variables=variables, FLUSH_TIMEOUT=1)
    assert ended.code == 0, ended.errors
    assert ended.seconds_after("end") < 1 + MARGIN


def test_exit_does_not_wait_for_the_batch_timeout(run_program: RunProgram, recorder: Recorder) -> None:
    ended = run_program(PROGRAM, to=recorder, variables={"REQUESTS": "5"}, EVENT_BATCH_TIMEOUT=60, FLUSH_TIMEOUT=30)
    assert ended.seconds_after("end") < MARGIN
    assert len(recorder.events) == 5


def test_exit_does_not_wait_when_everything_is_delivered(run_program: RunProgram, recorder: Recorder) -> None:
    ended = run_program(
        PROGRAM + "import moesif\nassert moesif.flush(20)\nprint('flushed', time.monotonic(), flush=True)",
        to=recorder,
        variables={"REQUESTS": "5"},
        FLUSH_TIMEOUT=30,
    )
    assert ended.seconds_after("flushed") < MARGIN
    assert len(recorder.events) == 5


@pytest.mark.parametrize(
    ("ending", "code"),
    [
        ("", 0),
        ("sys.exit(3)", 3),
        ("raise RuntimeError('the program fails')", 1),
        ("thread = threading.Thread(target=request, args=(application,)); thread.start()", 0),
    ],
    ids=["end of the program", "sys.exit", "exception", "other thread serves last"],
)
def test_everything_is_delivered_at_exit(run_program: RunProgram, collector: Collector, ending: str, code: int) -> None:
    ended = run_program(
        PROGRAM + ending,
        to=collector,
        variables={"REQUESTS": "2500"},
        EVENT_BATCH_TIMEOUT=60,
        FLUSH_TIMEOUT=30,
    )
    assert ended.code == code, ended.errors
    # All events are stored before the process ends.
    assert len(collector.events()) == 2500 + ("thread" in ending)


def test_hung_collector_does_not_prevent_delivery_to_another(
    run_program: RunProgram, recorder: Recorder, another_recorder: Recorder
) -> None:
    recorder.answer_with(then=Fault.HANG)
    ended = run_program(
        PROGRAM
        + f"""
working = {{"BASE_URI": {another_recorder.uri!r}, "APPLICATION_ID": {another_recorder.application_id!r}}}
request(MoesifMiddleware(hello, working))
""",
        to=recorder,
        variables={"REQUESTS": "5"},
        EVENT_BATCH_TIMEOUT=60,
        FLUSH_TIMEOUT=2,
    )
    assert ended.code == 0, ended.errors
    assert len(another_recorder.events) == 1
    assert "5 events are lost" in ended.errors


def test_end_of_a_thread_does_not_begin_the_last_flush(run_program: RunProgram, recorder: Recorder) -> None:
    # The time of the first middleware is over before the program ends.
    ended = run_program(
        """
        import threading, time
        from moesifwsgi import MoesifMiddleware
        from tests.gateway import hello, request

        thread = threading.Thread(target=request, args=(MoesifMiddleware(hello, {"FLUSH_TIMEOUT": 0.5}),))
        thread.start()
        thread.join()
        time.sleep(0.6)
        request(MoesifMiddleware(hello, {"FLUSH_TIMEOUT": 30}))
        """,
        to=recorder,
        EVENT_BATCH_TIMEOUT=60,
    )
    assert ended.code == 0, ended.errors
    assert len(recorder.events) == 2


@pytest.mark.parametrize("server", ["gunicorn-sync", "gunicorn-gthread", "gunicorn-gevent"])
def test_everything_is_delivered_when_server_stops(serve: Serve, collector: Collector, server: str) -> None:
    running = serve("plain:app", server, to=collector, EVENT_BATCH_TIMEOUT=60, FLUSH_TIMEOUT=20)
    for _ in range(10):
        assert running.get().body == b"hello"
    assert not collector.events()
    assert running.stop() == 0
    assert len(collector.events()) == 10


def test_server_with_hung_collector_stops_in_time(serve: Serve, recorder: Recorder) -> None:
    recorder.answer_with(then=Fault.HANG)
    running = serve("plain:app", to=recorder, FLUSH_TIMEOUT=0.5, REQUEST_TIMEOUT=LONG_TIMEOUT)
    for _ in range(10):
        running.get()
    before = time.monotonic()
    assert running.stop() == 0
    assert time.monotonic() - before < 0.5 + MARGIN


def test_lost_events_are_logged_in_one_line(run_program: RunProgram, nowhere: Nowhere) -> None:
    ended = run_program(PROGRAM, to=nowhere, variables={"REQUESTS": "7"}, FLUSH_TIMEOUT=1)
    lines = [line for line in ended.errors.splitlines() if "lost" in line]
    assert len(lines) == 1, ended.errors
    assert lines[0].startswith("7 events are lost")
    assert "Connection refused" in lines[0]


def test_exit_does_not_wait_for_pause_longer_than_flush_timeout(run_program: RunProgram, recorder: Recorder) -> None:
    # The collector asks for a pause longer than the deadline, so waiting is useless.
    recorder.answer_with(then=Answer(503, (("Retry-After", "300"),)))
    ended = run_program(PROGRAM, to=recorder, variables={"REQUESTS": "5"}, FLUSH_TIMEOUT=30)
    assert ended.seconds_after("end") < 15
    assert "5 events are lost" in ended.errors


@pytest.fixture
def black_hole(tmp_path: Path) -> dict[str, str]:
    """Environment variables that make every name lookup hang."""
    source, library = tmp_path / "lookup.c", tmp_path / "lookup.so"
    source.write_text("#include <unistd.h>\nint getaddrinfo(void) { for (;;) pause(); }\n")
    subprocess.run(["cc", "-shared", "-fPIC", "-o", library, source], check=True)
    return {"LD_PRELOAD": str(library)}


def test_hanging_name_lookup_delays_neither_requests_nor_exit(
    run_program: RunProgram, black_hole: dict[str, str]
) -> None:
    ended = run_program(
        PROGRAM
        + """
before = time.monotonic()
request(application)
assert time.monotonic() - before < 20
def names():
    return [open(f"/proc/self/task/{task}/comm").read() for task in os.listdir("/proc/self/task")]
while "moesif-names\\n" not in names():
    assert time.monotonic() - before < 20, names()
""",
        to=Nowhere("http://collector.example.com:9500"),
        variables={"REQUESTS": "50", **black_hole},
        FLUSH_TIMEOUT=1,
    )
    assert ended.code == 0, ended.errors
    assert ended.seconds_after("end") < 1 + MARGIN
    assert "51 events are lost" in ended.errors


def test_interrupt_ends_wait_at_exit(run_program: RunProgram, recorder: Recorder) -> None:
    recorder.answer_with(then=Fault.HANG)
    ended = run_program(
        PROGRAM
        + """
import signal
# A program that a shell starts in the background ignores this signal.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.setitimer(signal.ITIMER_REAL, 1)
signal.signal(signal.SIGALRM, lambda *_: signal.raise_signal(signal.SIGINT))
""",
        to=recorder,
        variables={"REQUESTS": "5"},
        FLUSH_TIMEOUT=30,
    )
    assert ended.seconds_after("end") < 10
    assert "5 events are lost" in ended.errors


@pytest.mark.parametrize("fault", [False, True], ids=["collector works", "collector hangs"])
def test_process_without_python_exit_handlers_delivers(
    run_program: RunProgram, recorder: Recorder, *, fault: bool
) -> None:
    if fault:
        recorder.answer_with(then=Fault.HANG)
    # uWSGI ends a busy worker like this, in the middle of a call.
    ended = run_program(
        PROGRAM
        + """
import ctypes
def leave(_environ, _start_response):
    ctypes.CDLL(None).exit(7)
request(MoesifMiddleware(leave, {}))
""",
        to=recorder,
        variables={"REQUESTS": "50"},
        EVENT_BATCH_TIMEOUT=60,
        FLUSH_TIMEOUT=1 if fault else 30,
        REQUEST_TIMEOUT=LONG_TIMEOUT,
    )
    assert ended.code == 7, ended.errors
    assert (len(recorder.events), ended.seconds_after("end") < 1 + MARGIN) == (0 if fault else 50, True)
