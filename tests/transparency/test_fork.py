"""Forking is safe (docs/guarantees.md, I-4)."""

from __future__ import annotations

import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.collector import Collector, Nowhere
    from tests.conftest import RunProgram, Serve
    from tests.recorder import Recorder


@pytest.mark.parametrize("kind", ["gunicorn-sync", "gunicorn-gthread"])
def test_preloaded_workers_deliver_each_event_exactly_once(serve: Serve, collector: Collector, kind: str) -> None:
    running = serve("plain:pid", kind, to=collector, arguments=("--preload", "--workers", "2"), FLUSH_TIMEOUT=20)
    answered: Counter[bytes] = Counter()
    sent = 0
    # Send requests until both workers have served some. One worker may start later than the other.
    deadline = time.monotonic() + 30
    while sent < 200 or len(answered) < 2:
        assert time.monotonic() < deadline, answered
        with ThreadPoolExecutor(8) as clients:
            answered.update(clients.map(lambda number: running.get(f"/{number}").body, range(sent, sent + 50)))
        sent += 50
    assert running.stop() == 0
    events = collector.events()
    assert len(events) == sent
    assert len({event["transaction_id"] for event in events}) == sent
    assert {event["uri"].rpartition("/")[2] for event in events} == {str(number) for number in range(sent)}


def test_fork_during_traffic_each_process_delivers_its_own_events(run_program: RunProgram, recorder: Recorder) -> None:
    ended = run_program(
        """
        import os, sys
        import moesif
        from moesifwsgi import MoesifMiddleware
        from tests.gateway import hello, make_environ, request

        application = MoesifMiddleware(hello, {})
        for number in range(50):
            request(application, make_environ(path=f"/parent/{number}"))
        children = []
        for child in range(4):
            pid = os.fork()
            if pid == 0:
                assert moesif.stats()["captured"] == 0
                for number in range(50):
                    request(application, make_environ(path=f"/child-{child}/{number}"))
                assert moesif.stats()["captured"] == 50
                sys.exit()
            children.append(pid)
        for number in range(50, 60):
            request(application, make_environ(path=f"/parent/{number}"))
        assert [os.waitpid(pid, 0)[1] for pid in children] == [0] * 4
        assert moesif.stats()["captured"] == 60
        """,
        to=recorder,
        # The first 50 events of the parent are still queued when it forks.
        EVENT_BATCH_TIMEOUT=30,
        BATCH_SIZE=1000,
        FLUSH_TIMEOUT=20,
    )
    assert ended.code == 0, ended.errors
    paths = Counter(event["request"]["uri"].removeprefix("http://api.example.com") for event in recorder.events)
    expected = [f"/parent/{number}" for number in range(60)]
    expected += [f"/child-{child}/{number}" for child in range(4) for number in range(50)]
    assert paths == Counter(expected)
    ids = [event["transaction_id"] for event in recorder.events]
    assert len(set(ids)) == len(ids)


def test_child_forked_while_threads_serve_works(run_program: RunProgram, recorder: Recorder) -> None:
    ended = run_program(
        """
        import os, sys, threading, time
        import moesif
        from moesifwsgi import MoesifMiddleware
        from tests.gateway import hello, make_environ, request

        application = MoesifMiddleware(hello, {})
        done = threading.Event()

        def serve():
            while not done.is_set():
                request(application, make_environ(path="/parent"))
                # Keep the queue short, so that no event is dropped.
                while moesif.stats()["queued"] > 1_000:
                    time.sleep(0.005)

        threads = [threading.Thread(target=serve) for _ in range(4)]
        for thread in threads:
            thread.start()
        for child in range(30):
            pid = os.fork()
            if pid == 0:
                request(application, make_environ(path=f"/child/{child}"))
                os._exit(0 if moesif.flush(20) else 9)
            deadline = time.monotonic() + 30
            while (ended := os.waitpid(pid, os.WNOHANG)) == (0, 0):
                assert time.monotonic() < deadline, "the child hangs"
                time.sleep(0.002)
            assert ended[1] == 0, ended
        done.set()
        for thread in threads:
            thread.join()
        assert moesif.flush(20)
        print(moesif.stats()["captured"])
        """,
        to=recorder,
        FLUSH_TIMEOUT=20,
    )
    assert ended.code == 0, ended.errors
    paths = Counter(event["request"]["uri"].removeprefix("http://api.example.com") for event in recorder.events)
    assert paths.pop("/parent") == int(ended.output)
    assert paths == Counter(f"/child/{child}" for child in range(30))


def test_child_forked_during_first_call_of_a_thread_works(run_program: RunProgram, nowhere: Nowhere) -> None:
    # What a first call makes for later ones must not be left half made in a child. Each round is a new process,
    # because only its first call makes anything.
    source = """
        import os, signal, sys, threading
        from moesifwsgi import MoesifMiddleware
        from tests.gateway import hello, make_environ, request

        application = MoesifMiddleware(hello, {})
        # Threads take turns as often as possible, so the forks happen wherever the thread can be interrupted.
        sys.setswitchinterval(1e-6)
        thread = threading.Thread(target=lambda: request(application, make_environ()))
        thread.start()
        children = []
        while thread.is_alive():
            pid = os.fork()
            if pid == 0:
                signal.alarm(20)
                request(application, make_environ())
                os._exit(0)
            children.append(pid)
        thread.join()
        statuses = [os.waitpid(pid, 0)[1] for pid in children]
        os.write(1, f"{len(statuses)} {statuses.count(0)}".encode())
        os._exit(0)
        """
    forked = 0
    for _ in range(40):
        ended = run_program(source, to=nowhere)
        assert ended.code == 0, ended.errors
        children, healthy = map(int, ended.output.split())
        assert children == healthy, "a child hangs"
        forked += children
    assert forked > 0


def test_child_forked_while_threads_make_clients_can_make_one(run_program: RunProgram, nowhere: Nowhere) -> None:
    ended = run_program(
        """
        import faulthandler, os, signal, threading
        from moesifapi.moesif_api_client import MoesifAPIClient
        from moesifapi.decorators import lazy_property

        class Own:
            @lazy_property
            def made(self):
                return sum(range(100))

        def make():
            Own().made
            return MoesifAPIClient("x").api

        faulthandler.register(signal.SIGALRM, chain=True)
        done = threading.Event()
        def make_repeatedly():
            while not done.is_set():
                make()
        threads = [threading.Thread(target=make_repeatedly) for _ in range(2)]
        for thread in threads:
            thread.start()
        for child in range(300):
            pid = os.fork()
            if pid == 0:
                signal.alarm(30)
                make()
                os._exit(0)
            assert os.waitpid(pid, 0)[1] == 0, child
        done.set()
        for thread in threads:
            thread.join()
        """,
        to=nowhere,
    )
    assert ended.code == 0, ended.errors


def test_multiprocessing_child_delivers_with_flush(run_program: RunProgram, recorder: Recorder) -> None:
    ended = run_program(
        """
        import multiprocessing
        import moesif
        from moesifwsgi import MoesifMiddleware
        from tests.gateway import hello, make_environ, request

        application = MoesifMiddleware(hello, {})

        def work(number):
            request(application, make_environ(path=f"/child/{number}"))
            assert moesif.flush(20) is True

        request(application, make_environ(path="/parent"))
        context = multiprocessing.get_context("fork")
        children = [context.Process(target=work, args=(number,)) for number in range(3)]
        for child in children:
            child.start()
        for child in children:
            child.join(30)
            assert child.exitcode == 0
        """,
        to=recorder,
        EVENT_BATCH_TIMEOUT=60,
        FLUSH_TIMEOUT=20,
    )
    assert ended.code == 0, ended.errors
    paths = sorted(event["request"]["uri"].removeprefix("http://api.example.com") for event in recorder.events)
    assert paths == ["/child/0", "/child/1", "/child/2", "/parent"]


def test_idle_child_starts_no_thread_and_exits_at_once(run_program: RunProgram, recorder: Recorder) -> None:
    ended = run_program(
        """
        import os, sys, time
        from moesifwsgi import MoesifMiddleware
        from tests.gateway import hello, request

        application = MoesifMiddleware(hello, {})
        request(application)
        pid = os.fork()
        if pid == 0:
            assert len(os.listdir("/proc/self/task")) == 1
            sys.exit()
        before = time.monotonic()
        assert os.waitpid(pid, 0)[1] == 0
        assert time.monotonic() - before < 15
        """,
        to=recorder,
        EVENT_BATCH_TIMEOUT=60,
        FLUSH_TIMEOUT=20,
    )
    assert ended.code == 0, ended.errors
    assert len(recorder.events) == 1


def test_request_running_during_fork_is_recorded_by_parent_only(run_program: RunProgram, recorder: Recorder) -> None:
    ended = run_program(
        """
        import os
        import moesif
        from moesifwsgi import MoesifMiddleware
        from tests.gateway import hello, request

        child = None
        def application(environ, start_response):
            global child
            child = os.fork()
            return hello(environ, start_response)

        request(MoesifMiddleware(application, {}))
        if child == 0:
            os._exit(0 if moesif.flush(20) and not moesif.stats()["captured"] else 1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        assert moesif.flush(20)
        assert moesif.stats()["sent"] == 1
        """,
        to=recorder,
    )
    assert ended.code == 0, ended.errors
    assert len(recorder.events) == 1
