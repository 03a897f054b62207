"""Exit has a deadline, and delivers what it can before (docs/guarantees.md, I-3)."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from tests.recorder import Fault

if TYPE_CHECKING:
    from tests.collector import Collector, Nowhere
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

# Beyond the deadline itself: the end of the interpreter, on a busy machine.
MARGIN = 1.0


@pytest.mark.parametrize("timeout", [0, 0.5, 1.5])
@pytest.mark.parametrize("requests", [1, 3000])
def test_a_hung_collector_cannot_hold_the_process_longer_than_flush_timeout(
    run_program: RunProgram, recorder: Recorder, timeout: float, requests: int
) -> None:
    recorder.answer_with(then=Fault.HANG)
    ended = run_program(PROGRAM, to=recorder, variables={"REQUESTS": str(requests)}, FLUSH_TIMEOUT=timeout)
    assert ended.code == 0, ended.errors
    assert timeout <= ended.seconds_after("end") + 0.1
    assert ended.seconds_after("end") < timeout + MARGIN


@pytest.mark.parametrize("uri", ["nowhere", "http://collector.invalid:9500"])
def test_an_unreachable_collector_cannot_hold_the_process_longer_than_flush_timeout(
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
    ids=["falls off the end", "sys.exit", "exception", "other thread serves last"],
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
    # Already stored when the process has ended.
    assert len(collector.events()) == 2500 + ("thread" in ending)


@pytest.mark.parametrize("server", ["gunicorn-sync", "gunicorn-gthread", "waitress", "wsgiref"])
def test_everything_is_delivered_when_a_server_is_told_to_end(serve: Serve, collector: Collector, server: str) -> None:
    running = serve("plain:app", server, to=collector, EVENT_BATCH_TIMEOUT=60, FLUSH_TIMEOUT=20)
    for _ in range(10):
        assert running.get().body == b"hello"
    assert not collector.events()
    assert running.stop() == 0
    assert len(collector.events()) == 10


def test_a_server_with_a_hung_collector_ends_in_time(serve: Serve, recorder: Recorder) -> None:
    recorder.answer_with(then=Fault.HANG)
    running = serve("plain:app", to=recorder, FLUSH_TIMEOUT=0.5)
    for _ in range(10):
        running.get()
    before = time.monotonic()
    assert running.stop() == 0
    assert time.monotonic() - before < 0.5 + 1 + MARGIN
