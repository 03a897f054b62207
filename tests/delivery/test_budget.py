"""Requests never wait for the collector, and memory is bounded (docs/guarantees.md, I-14, I-15)."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from tests.recorder import Answer, Fault

if TYPE_CHECKING:
    from tests.conftest import RunProgram
    from tests.recorder import Recorder

PRELUDE = """
import json, os, time
import moesif
from moesifwsgi import MoesifMiddleware
from tests.gateway import hello, make_environ, request

def echo(environ, start_response):
    body = environ["wsgi.input"].read()
    start_response("200 OK", [])
    return [body]

def rss():
    with open("/proc/self/statm") as statm:
        return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

def serve(application, times, body=b"x"):
    longest = most_bytes = 0
    for number in range(times):
        environ = make_environ("POST", f"/{number}", body)
        before = time.monotonic()
        answer = request(application, environ)
        longest = max(longest, time.monotonic() - before)
        assert answer.body == body
        stats = moesif.stats()
        most_bytes = max(most_bytes, stats["queue_bytes"])
        assert stats["captured"] == number + 1
        places = ("sent", "sampled_out", "skipped", "queued", "in_flight", "spooled")
        assert stats["captured"] == sum(stats[place] for place in places) + sum(stats["dropped"].values())
    return longest, most_bytes

def wait_until(condition):
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
"""

# Seconds. A request that waited for the collector would take longer.
NO_WAIT = 0.5


def test_full_queue_drops_and_counts_without_waiting(run_program: RunProgram, recorder: Recorder) -> None:
    recorder.answer_with(then=Fault.HANG)
    ended = run_program(
        PRELUDE
        + """
application = MoesifMiddleware(echo, {})
longest, _ = serve(application, 1)
wait_until(lambda: moesif.stats()["in_flight"] == 1)
print(json.dumps([longest, {**moesif.stats()}]))
for number in range(500):
    before = time.monotonic()
    request(application, make_environ(path=f"/{number}"))
    longest = max(longest, time.monotonic() - before)
print(json.dumps([longest, {**moesif.stats()}]))
""",
        to=recorder,
        EVENT_QUEUE_SIZE=10,
        EVENT_WORKER_COUNT=1,
        FLUSH_TIMEOUT=0,
    )
    assert ended.code == 0, ended.errors
    _, last = ended.output.splitlines()
    longest, stats = json.loads(last)
    assert longest < NO_WAIT
    assert (stats["captured"], stats["in_flight"], stats["queued"]) == (501, 1, 10)
    assert stats["dropped"] == {"queue_full": 490}


def test_bodies_are_dropped_before_events(run_program: RunProgram, recorder: Recorder) -> None:
    # A mebibyte holds five of these calls, or many without their bodies.
    # The only worker pauses for longer than the calls take.
    recorder.answer_with(Answer(503, (("Retry-After", "3"),)))
    ended = run_program(
        PRELUDE
        + """
application = MoesifMiddleware(echo, {})
longest, most_bytes = serve(application, 15, b"x" * 100_000)
assert moesif.flush(20)
stats = moesif.stats()
print(json.dumps([longest, most_bytes, {**stats}]))
""",
        to=recorder,
        EVENT_QUEUE_BYTES=1 << 20,
        EVENT_WORKER_COUNT=1,
        BATCH_SIZE=1,
    )
    assert ended.code == 0, ended.errors
    longest, most_bytes, stats = json.loads(ended.output)
    assert longest < NO_WAIT
    assert most_bytes <= 1 << 20
    assert (stats["captured"], stats["sent"], stats["dropped"], stats["queue_bytes"]) == (15, 15, {}, 0)
    events = recorder.events
    assert len(events) == 15
    with_body = [event for event in events if "body" in event["response"]]
    assert 1 <= len(with_body) <= 10
    for event in events:
        assert event["response"]["content_length"] == event["request"]["content_length"] == 100_000
        if "body" not in event["response"]:
            assert event["response"]["headers"]["X-Moesif-Body-Truncated"] == "1"


def test_events_beyond_the_budget_are_dropped_and_counted(run_program: RunProgram, recorder: Recorder) -> None:
    recorder.answer_with(then=Fault.HANG)
    ended = run_program(
        PRELUDE
        + """
application = MoesifMiddleware(echo, {})
longest, most_bytes = serve(application, 2000)
print(json.dumps([longest, most_bytes, {**moesif.stats()}]))
""",
        to=recorder,
        EVENT_QUEUE_BYTES=1 << 20,
        FLUSH_TIMEOUT=0,
    )
    assert ended.code == 0, ended.errors
    longest, most_bytes, stats = json.loads(ended.output)
    assert longest < NO_WAIT
    assert most_bytes <= 1 << 20
    assert list(stats["dropped"]) == ["queue_bytes"]
    assert 0 < stats["dropped"]["queue_bytes"] < 2000
    assert stats["queued"] + stats["in_flight"] + stats["dropped"]["queue_bytes"] == 2000


def test_memory_stays_within_the_budget_while_the_collector_hangs(run_program: RunProgram, recorder: Recorder) -> None:
    recorder.answer_with(then=Fault.HANG)
    ended = run_program(
        PRELUDE
        + """
application = MoesifMiddleware(echo, {})
body = os.urandom(1_000_000)
before = rss()
serve(application, 300, body)
print(rss() - before)
""",
        to=recorder,
        EVENT_QUEUE_BYTES=16 << 20,
        FLUSH_TIMEOUT=0,
    )
    assert ended.code == 0, ended.errors
    assert int(ended.output) <= (16 + 32) << 20


def test_largest_configured_budget_applies(run_program: RunProgram, recorder: Recorder) -> None:
    recorder.answer_with(then=Fault.HANG)
    ended = run_program(
        PRELUDE
        + """
MoesifMiddleware(echo, {"EVENT_QUEUE_BYTES": 64 << 20, "BATCH_SIZE": 5})
request(MoesifMiddleware(echo, {"EVENT_QUEUE_BYTES": 8 << 20}), make_environ("POST", "/", b"x"))
application = MoesifMiddleware(echo, {"EVENT_QUEUE_BYTES": 1 << 20})
for _ in range(30):
    request(application, make_environ("POST", "/", b"x" * 100_000))
stats = moesif.stats()
assert not stats["dropped"], stats
assert stats["queue_bytes"] > 5_000_000, stats
""",
        to=recorder,
        FLUSH_TIMEOUT=0,
    )
    assert ended.code == 0, ended.errors
