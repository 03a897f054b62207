"""A dead collector is invisible (docs/guarantees.md, I-2)."""

from __future__ import annotations

import signal
import socket
import time
from typing import TYPE_CHECKING

import pytest

from tests.collector import Nowhere
from tests.gateway import hello, request
from tests.ports import collector_at
from tests.recorder import Fault, Recorder, Reply

if TYPE_CHECKING:
    from tests.conftest import RunProgram, Serve, Wrap

# Maximum seconds for a request on a busy machine. A request that waited for delivery would take longer.
MAX_SECONDS = 10

UNKNOWN_NAME = "http://collector.invalid:9500"


def _serve_many(wrap: Wrap, to: Nowhere | Recorder, **options: object) -> None:
    application = wrap(hello, to, CONNECT_TIMEOUT=60, REQUEST_TIMEOUT=60, **options)
    for _ in range(50):
        before = time.monotonic()
        answer = request(application)
        assert time.monotonic() - before < MAX_SECONDS
        assert (answer.status, answer.body) == ("200 OK", b"hello")


@pytest.mark.parametrize("reply", [401, 403, 404, 429, 500, 503, 302, Fault.RESET, Fault.GARBAGE, Fault.HANG], ids=str)
def test_responses_do_not_depend_on_status_of_collector(recorder: Recorder, wrap: Wrap, reply: Reply) -> None:
    recorder.answer_with(then=reply)
    _serve_many(wrap, recorder)
    # The collector has received a request, and responses are still the same.
    recorder.wait_for_deliveries(1)
    _serve_many(wrap, recorder)


def test_responses_are_the_same_when_collector_refuses_connections(nowhere: Nowhere, wrap: Wrap) -> None:
    _serve_many(wrap, nowhere)


def test_responses_are_the_same_when_collector_accepts_and_never_answers(wrap: Wrap) -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=1) as silent:
        _serve_many(wrap, Nowhere(f"http://127.0.0.1:{collector_at(silent.getsockname()[1])}"))


def test_responses_are_the_same_when_name_of_collector_is_unknown(run_program: RunProgram) -> None:
    # In a process of its own, because these events can never be delivered.
    ended = run_program(
        f"""
        import time
        from moesifwsgi import MoesifMiddleware
        from tests.gateway import hello, request

        application = MoesifMiddleware(hello, {{}})
        for _ in range(50):
            before = time.monotonic()
            answer = request(application)
            assert time.monotonic() - before < {MAX_SECONDS}
            assert (answer.status, answer.body) == ("200 OK", b"hello")
        """,
        to=Nowhere(UNKNOWN_NAME),
        CONNECT_TIMEOUT=60,
        REQUEST_TIMEOUT=60,
        FLUSH_TIMEOUT=0,
    )
    assert ended.code == 0, ended.errors
    assert "50 events are lost" in ended.errors


@pytest.mark.parametrize(("server", "status"), [("gunicorn-gthread", 0), ("waitress", -signal.SIGTERM)])
def test_clients_of_real_server_do_not_notice_hung_collector(
    serve: Serve, recorder: Recorder, server: str, status: int
) -> None:
    recorder.answer_with(then=Fault.HANG)
    running = serve("plain:app", server, to=recorder, BATCH_SIZE=1, FLUSH_TIMEOUT=0.1, REQUEST_TIMEOUT=60)
    assert running.get().body == b"hello"
    recorder.wait_for_deliveries(1)
    for _ in range(20):
        before = time.monotonic()
        answer = running.get()
        assert time.monotonic() - before < MAX_SECONDS
        assert (answer.status, answer.body) == (200, b"hello")
    assert running.stop() == status


@pytest.mark.parametrize("uri", [UNKNOWN_NAME, "http://127.0.0.1:1", "https://127.0.0.1:1/collector"])
def test_construction_starts_no_thread_and_opens_no_socket(run_program: RunProgram, uri: str) -> None:
    ended = run_program(
        """
        import os
        from moesifwsgi import MoesifMiddleware
        from tests.gateway import hello, request

        def threads():
            return len(os.listdir("/proc/self/task"))

        def sockets():
            links = []
            for number in os.listdir("/proc/self/fd"):
                try:
                    links.append(os.readlink(f"/proc/self/fd/{number}"))
                except FileNotFoundError:
                    pass
            return [link for link in links if link.startswith("socket:")]

        assert threads() == 1
        middlewares = [MoesifMiddleware(hello, {"API_VERSION": str(n)}) for n in range(10)]
        assert threads() == 1, os.listdir("/proc/self/task")
        assert sockets() == []
        request(middlewares[0])
        assert threads() > 1
        """,
        to=Nowhere(uri),
        FLUSH_TIMEOUT=0,
    )
    assert ended.code == 0, ended.errors


def test_equal_middlewares_share_their_threads(run_program: RunProgram, nowhere: Nowhere) -> None:
    ended = run_program(
        """
        import os
        from moesifwsgi import MoesifMiddleware
        from tests.gateway import hello, request

        for number in range(10):
            request(MoesifMiddleware(hello, {"API_VERSION": str(number)}))
        # The main thread, EVENT_WORKER_COUNT threads that deliver, one that fetches the remote configuration, and one
        # that waits for SIGTERM.
        assert len(os.listdir("/proc/self/task")) == 1 + 3 + 1 + 1
        """,
        to=nowhere,
        FLUSH_TIMEOUT=0,
        EVENT_WORKER_COUNT=3,
    )
    assert ended.code == 0, ended.errors
