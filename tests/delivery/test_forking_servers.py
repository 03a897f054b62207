"""Servers and process pools that fork after the application was loaded (docs/guarantees.md, I-3, I-4).

Each event is delivered once, by the process that served the request.
"""

from __future__ import annotations

import math
import textwrap
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.collector import Collector
    from tests.conftest import RunProgram, Serve
    from tests.recorder import Recorder
    from tests.server import Server

UWSGI = ("--master", "--processes", "2", "--worker-reload-mercy", "30")
RECYCLING = (*UWSGI, "--max-requests", "20", "--min-worker-lifetime", "0")


@pytest.mark.parametrize(
    ("server", "arguments"),
    [
        ("gunicorn-sync", ("--workers", "2", "--preload")),
        ("gunicorn-gthread", ("--workers", "2", "--preload")),
        ("uwsgi", UWSGI),
        ("uwsgi", (*UWSGI, "--enable-threads", "--threads", "4")),
        ("uwsgi", RECYCLING),
        ("hypercorn", ("--workers", "2")),
    ],
    ids=["gunicorn", "gunicorn-gthread", "uwsgi", "uwsgi-threads", "uwsgi-recycled", "hypercorn"],
)
def test_workers_deliver_each_event_once(
    serve: Serve, collector: Collector, server: str, arguments: tuple[str, ...]
) -> None:
    # Hypercorn's workers are multiprocessing processes, which run no exit handlers. It does not wait for
    # their end.
    seconds = 0.05 if server == "hypercorn" else 60
    running = serve(
        "plain:pid", server, to=collector, arguments=arguments, FLUSH_TIMEOUT=20, EVENT_BATCH_TIMEOUT=seconds
    )
    with ThreadPoolExecutor(4) as clients:
        answers_by_process = Counter(clients.map(lambda number: _answering_process(running, number), range(120)))
    if server == "uwsgi":
        _await_workers(running, answers_by_process, most=20 if arguments == RECYCLING else math.inf)
    if server == "hypercorn":
        collector.wait_for(120)
    # uWSGI runs no Python exit handlers in a worker that is busy when it has to end.
    running.stop(60)
    log = running.output()
    assert "Segmentation" not in log, log
    assert "Traceback" not in log, log
    paths = Counter(event["uri"].rpartition("/")[2] for event in collector.events())
    assert paths == Counter(str(number) for number in range(answers_by_process.total())), log


def test_workers_that_skip_exit_handlers_lose_only_their_last_events(serve: Serve, collector: Collector) -> None:
    # Such a worker calls `_exit` right after its last response, so nothing can be delivered any more.
    server = serve("plain:pid", "uwsgi", to=collector, arguments=(*RECYCLING, "--skip-atexit"), EVENT_BATCH_TIMEOUT=0)
    answers_by_process: Counter[str] = Counter()
    lost = 0
    for number in range(100):
        answers_by_process[_answering_process(server, number)] += 1
        deadline = time.monotonic() + 1
        while len(collector.events()) < number + 1 - lost:
            if time.monotonic() > deadline:
                lost += 1
                break
    _await_workers(server, answers_by_process, most=20)
    server.stop(60)
    paths = Counter(event["uri"].rpartition("/")[2] for event in collector.events())
    assert max(paths.values()) == 1
    assert lost <= 100 / 20
    assert len(paths.keys() & {str(number) for number in range(100)}) >= 100 - lost


def _answering_process(server: Server, number: int) -> str:
    return server.get(f"/{number}").body.decode()


def _await_workers(server: Server, answers_by_process: Counter[str], *, most: float) -> None:
    """Send requests until two workers have answered fewer than ``most`` of them.

    uWSGI 2.0.31 may never end a worker that is still starting when it has to end, with this package or
    without.
    """
    deadline = time.monotonic() + 60
    while sum(answers < most for answers in answers_by_process.values()) < 2:
        assert time.monotonic() < deadline, answers_by_process
        with ThreadPoolExecutor(2) as clients:
            number = answers_by_process.total()
            answers_by_process.update(
                clients.map(lambda number: _answering_process(server, number), (number, number + 1))
            )


def _run_with_children(run_program: RunProgram, source: str, method: str, **options: Any) -> None:
    """Run a program with a start method of ``multiprocessing`` as its argument.

    The program is a file, because children that are not forked import it.
    """
    ended = run_program(
        f"""
        import runpy, subprocess, sys, tempfile
        with tempfile.TemporaryDirectory() as directory:
            program = directory + "/program.py"
            with open(program, "w") as file:
                file.write({textwrap.dedent(source)!r})
            if {method!r} == "fork":
                sys.argv = [program, "fork"]
                runpy.run_path(program, run_name="__main__")
            else:
                sys.exit(subprocess.call([sys.executable, program, {method!r}]))
        """,
        **options,
    )
    assert ended.code == 0, ended.errors


@pytest.mark.parametrize("method", ["fork", "forkserver", "spawn"])
def test_pool_workers_deliver_with_every_start_method(run_program: RunProgram, recorder: Recorder, method: str) -> None:
    source = """
import multiprocessing, sys
import moesif
from moesifwsgi import MoesifMiddleware
from tests.gateway import hello, make_environ, request

application = MoesifMiddleware(hello, {})

def work(number):
    request(application, make_environ(path=f"/child/{number}"))
    assert moesif.flush(30) is True
    return moesif.stats()["captured"]

if __name__ == "__main__":
    request(application, make_environ(path="/parent"))
    with multiprocessing.get_context(sys.argv[1]).Pool(2) as pool:
        captured = pool.map(work, range(6), chunksize=1)
    assert all(count >= 1 for count in captured), captured
"""
    _run_with_children(run_program, source, method, to=recorder, FLUSH_TIMEOUT=30)
    paths = sorted(event["request"]["uri"].removeprefix("http://api.example.com") for event in recorder.events)
    assert paths == [*(f"/child/{number}" for number in range(6)), "/parent"]


_IMPORTED_IN_THE_PARENT = """
from moesifwsgi import MoesifMiddleware
from tests.gateway import hello, make_environ, request

application = MoesifMiddleware(hello, {})

def work(number):
    request(application, make_environ(path=f"/child/{number}"))
"""
_IMPORTED_IN_THE_CHILD = """
def work(number):
    from moesifwsgi import MoesifMiddleware
    from tests.gateway import hello, make_environ, request
    request(MoesifMiddleware(hello, {}), make_environ(path=f"/child/{number}"))
"""


@pytest.mark.parametrize("method", ["fork", "forkserver", "spawn"])
@pytest.mark.parametrize("definition", [_IMPORTED_IN_THE_PARENT, _IMPORTED_IN_THE_CHILD], ids=["by parent", "by child"])
def test_multiprocessing_child_delivers_when_it_ends(
    run_program: RunProgram, recorder: Recorder, method: str, definition: str
) -> None:
    source = f"""
import multiprocessing, sys
{definition}

if __name__ == "__main__":
    context = multiprocessing.get_context(sys.argv[1])
    for number in range(3):
        child = context.Process(target=work, args=(number,))
        child.start()
        child.join()
        assert child.exitcode == 0, child.exitcode
"""
    _run_with_children(run_program, source, method, to=recorder, FLUSH_TIMEOUT=30, EVENT_BATCH_TIMEOUT=60)
    paths = sorted(event["request"]["uri"].rpartition("/")[2] for event in recorder.events)
    assert paths == ["0", "1", "2"]


def test_no_child_hangs_in_a_thousand_forks_while_threads_serve(run_program: RunProgram, recorder: Recorder) -> None:
    ended = run_program(
        """
        import faulthandler, os, signal, threading, time
        import moesif
        from moesifwsgi import MoesifMiddleware
        from tests.gateway import hello, make_environ, request

        application = MoesifMiddleware(hello, {})
        done = threading.Event()
        faulthandler.register(signal.SIGALRM, chain=True)

        def serve():
            while not done.is_set():
                request(application, make_environ(path="/parent"))
                time.sleep(0.0005)
                # Do not fill the queue: no event may be dropped.
                while moesif.stats()["queued"] > 1_000:
                    time.sleep(0.005)

        threads = [threading.Thread(target=serve) for _ in range(3)]
        for thread in threads:
            thread.start()

        failures = []
        def fork():
            for child in range(1000):
                pid = os.fork()
                if pid == 0:
                    # The child would hang on a lock that a thread of the parent held, or on a thread it does
                    # not have.
                    signal.alarm(30)
                    request(application, make_environ(path=f"/child/{child}"))
                    captured = moesif.stats()["captured"]
                    settled = child % 100 or moesif.flush(20)
                    os._exit(0 if captured == 1 and settled else 9)
                if (ended := os.waitpid(pid, 0)[1]) != 0:
                    failures.append((child, ended))

        forking = threading.Thread(target=fork)
        forking.start()
        forking.join()
        done.set()
        for thread in threads:
            thread.join()
        assert not failures, failures
        assert moesif.flush(30), moesif.stats()
        print(moesif.stats()["captured"])
        """,
        to=recorder,
        EVENT_BATCH_TIMEOUT=1,
        FLUSH_TIMEOUT=30,
    )
    assert ended.code == 0, ended.errors
    paths = Counter(event["request"]["uri"].removeprefix("http://api.example.com") for event in recorder.events)
    assert paths["/parent"] == int(ended.output)
    flushed = {f"/child/{child}" for child in range(0, 1000, 100)}
    assert flushed <= set(paths)
    assert all(count == 1 for path, count in paths.items() if path != "/parent")
