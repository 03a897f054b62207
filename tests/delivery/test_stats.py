"""Lost events are counted, and the statistics add up at every moment (docs/guarantees.md, I-23)."""

from __future__ import annotations

import json
import random
import threading
from typing import TYPE_CHECKING

import pytest

import moesif
from tests.recorder import Delivery, Fault, Reply

if TYPE_CHECKING:
    from tests.collector import Nowhere
    from tests.conftest import RunProgram
    from tests.recorder import Recorder


def test_stats_add_up_at_every_moment_under_load(run_program: RunProgram, recorder: Recorder) -> None:
    source = random.Random(3)
    lock = threading.Lock()
    replies: list[Reply] = [201, 201, 201, 413, 503, Fault.RESET]

    def reply(delivery: Delivery) -> Reply:
        if b"/poison" in delivery.json:
            return 400
        with lock:
            return source.choice(replies) if source.random() < 0.3 else 201

    recorder.reply = reply
    ended = run_program(
        """
        import json, threading
        import moesif
        from moesifwsgi import MoesifMiddleware
        from tests.gateway import hello, make_environ, request

        def skip(_app, environ):
            return environ["PATH_INFO"] == "/skip"

        applications = [MoesifMiddleware(hello, {"SKIP": skip, "BATCH_SIZE": size}) for size in (10, 50)]

        def checked_stats():
            stats = moesif.stats()
            parts = [stats[k] for k in ("sent", "sampled_out", "skipped", "queued", "in_flight", "spooled")]
            assert stats["captured"] == sum(parts) + sum(stats["dropped"].values()), stats
            assert min(parts) >= 0
            return stats

        def serve(thread):
            for number in range(1500):
                path = "/skip" if number % 10 == 0 else f"/{thread}/{number}"
                if number % 500 == 7:
                    path = "/poison"
                request(applications[number % 2], make_environ(path=path))

        threads = [threading.Thread(target=serve, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        looks = 0
        while any(thread.is_alive() for thread in threads):
            checked_stats()
            looks += 1
        assert looks > 100, looks
        last = 0
        while not moesif.flush(0.05):
            captured = checked_stats()
            assert captured["captured"] >= last
        for application in applications:
            assert application.dropped_events == sum(checked_stats()["dropped"].values())
        print(json.dumps(checked_stats()))
        """,
        to=recorder,
        FLUSH_TIMEOUT=0,
        EVENT_QUEUE_SIZE=2000,
    )
    assert ended.code == 0, ended.errors
    stats = json.loads(ended.output)
    assert stats["captured"] == 6000
    assert stats["skipped"] == 600
    assert (stats["queued"], stats["in_flight"], stats["queue_bytes"]) == (0, 0, 0)
    dropped = stats["dropped"]
    assert set(dropped) <= {"refused", "queue_full"}
    assert dropped["refused"] >= 12 - dropped.get("queue_full", 0)
    assert stats["sent"] == len(recorder.events)


def test_stats_of_a_process_without_calls_are_zero(run_program: RunProgram, nowhere: Nowhere) -> None:
    ended = run_program(
        """
        import moesif
        names = ["captured", "sent", "sampled_out", "skipped", "queued", "in_flight", "spooled"]
        empty = dict.fromkeys([*names, "bodies_removed", "callback_failures"], 0)
        empty |= {"dropped": {}, "queue_bytes": 0, "last_success": None, "last_error": None, "breaker": "closed"}
        assert moesif.stats() == empty
        assert moesif.flush() is True
        assert moesif.flush(0) is True
        assert moesif.stats() == empty
        """,
        to=nowhere,
    )
    assert ended.code == 0, ended.errors


def test_stats_show_last_success_last_error_and_breaker(run_program: RunProgram, recorder: Recorder) -> None:
    recorder.answer_with(201, then=503)
    ended = run_program(
        """
        import time
        import moesif
        from moesifwsgi import MoesifMiddleware
        from tests.gateway import hello, request
        application = MoesifMiddleware(hello, {})
        before = time.time()
        request(application)
        assert moesif.flush(20)
        stats = moesif.stats()
        assert before - 1 <= stats["last_success"] <= time.time() + 1, stats
        assert (stats["last_error"], stats["breaker"]) == (None, "closed"), stats
        request(application)
        moesif.flush(0.2)
        stats = moesif.stats()
        assert stats["last_error"] == "the collector answered 503", stats
        assert stats["breaker"] in ("open", "half_open"), stats
        """,
        to=recorder,
        FLUSH_TIMEOUT=0,
    )
    assert ended.code == 0, ended.errors
    assert "1 event is lost" in ended.errors
    assert "503" in ended.errors


def test_flush_returns_false_at_its_timeout(run_program: RunProgram, recorder: Recorder) -> None:
    recorder.answer_with(then=Fault.HANG)
    ended = run_program(
        """
        import threading, time
        import moesif
        from moesifwsgi import MoesifMiddleware
        from tests.gateway import hello, request
        request(MoesifMiddleware(hello, {}))
        for timeout in (0, 0.3, 4, None):
            ticks = []
            done = threading.Event()
            def tick():
                while not done.is_set():
                    ticks.append(1)
                    time.sleep(0.01)
            thread = threading.Thread(target=tick)
            thread.start()
            before = time.monotonic()
            assert moesif.flush(timeout) is False
            took = time.monotonic() - before
            done.set()
            thread.join()
            # Both 3.5 and 4 s are longer than the default of FLUSH_TIMEOUT.
            expected = 3.5 if timeout is None else timeout
            assert expected <= took + 0.01 < expected + 20, (timeout, took)
            # Other Python threads ran meanwhile.
            assert len(ticks) > expected * 20, ticks
        """,
        to=recorder,
        FLUSH_TIMEOUT=3.5,
        REQUEST_TIMEOUT=100,
    )
    assert ended.code == 0, ended.errors


@pytest.mark.parametrize("timeout", [-1, float("inf"), float("nan")], ids=str)
def test_flush_refuses_an_invalid_timeout(timeout: float) -> None:
    with pytest.raises(ValueError, match="timeout"):
        moesif.flush(timeout)


def test_interrupt_ends_a_flush(run_program: RunProgram, recorder: Recorder) -> None:
    recorder.answer_with(then=Fault.HANG)
    ended = run_program(
        """
        import os, signal, threading, time
        import moesif
        from moesifwsgi import MoesifMiddleware
        from tests.gateway import hello, request
        # A background job of a shell inherits that SIGINT is ignored.
        signal.signal(signal.SIGINT, signal.default_int_handler)
        request(MoesifMiddleware(hello, {}))
        threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT)).start()
        before = time.monotonic()
        try:
            moesif.flush(60)
        except KeyboardInterrupt:
            assert time.monotonic() - before < 30
        else:
            raise AssertionError("not interrupted")
        """,
        to=recorder,
        FLUSH_TIMEOUT=0,
    )
    assert ended.code == 0, ended.errors
