"""Limits of a batch: count, bytes and time (docs/guarantees.md, I-22)."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest

from tests.gateway import Environ, answering, hello, make_environ, request

if TYPE_CHECKING:
    from tests.conftest import Wrap
    from tests.recorder import Recorder


@pytest.mark.parametrize("size", [1, 7, 100])
def test_batch_holds_at_most_batch_size_events(recorder: Recorder, wrap: Wrap, size: int) -> None:
    application = wrap(hello, BATCH_SIZE=size)
    for number in range(150):
        request(application, make_environ(path=f"/{number}"))
    events = recorder.wait_for(150)
    assert len(events) == 150
    assert max(len(delivery.events) for delivery in recorder.deliveries) <= size
    # With one worker, events arrive in the order of the calls.
    assert [event["request"]["uri"].rpartition("/")[2] for event in events] == [str(n) for n in range(150)]


def test_full_batch_is_sent_at_once(recorder: Recorder, wrap: Wrap) -> None:
    application = wrap(hello, BATCH_SIZE=5, EVENT_BATCH_TIMEOUT=60)
    before = time.monotonic()
    for _ in range(5):
        request(application)
    recorder.wait_for(5)
    assert time.monotonic() - before < 30
    assert [len(delivery.events) for delivery in recorder.deliveries] == [5]


def test_partial_batch_is_sent_at_its_timeout(recorder: Recorder, wrap: Wrap) -> None:
    application = wrap(hello, BATCH_SIZE=1000, EVENT_BATCH_TIMEOUT=0.5)
    before = time.monotonic()
    for _ in range(3):
        request(application)
    recorder.wait_for(3)
    [delivery] = recorder.deliveries
    assert len(delivery.events) == 3
    assert 0.5 <= delivery.at - before + 0.01 < 20


def test_batch_stays_below_batch_bytes(recorder: Recorder, wrap: Wrap) -> None:
    limit = 65_536
    application = wrap(answering([b"x" * 9000]), BATCH_BYTES=limit, BATCH_SIZE=1000, EVENT_BATCH_TIMEOUT=0.3)
    for _ in range(50):
        request(application)
    assert len(recorder.wait_for(50)) == 50
    sizes = [len(delivery.json) for delivery in recorder.deliveries]
    assert max(sizes) <= limit
    # Batches are filled: events are not sent one by one.
    assert len(sizes) <= 12


def test_event_larger_than_batch_bytes_is_sent_alone(recorder: Recorder, wrap: Wrap) -> None:
    bodies = iter([b"small", b"x" * 200_000, b"small", b"small"])

    def application(_environ: Environ, start_response: Any) -> list[bytes]:
        start_response("200 OK", [])
        return [next(bodies)]

    middleware = wrap(application, BATCH_BYTES=65_536, BATCH_SIZE=4, EVENT_BATCH_TIMEOUT=60)
    for _ in range(4):
        request(middleware)
    recorder.wait_for(4)
    assert [len(delivery.events) for delivery in recorder.deliveries] == [1, 1, 2]
