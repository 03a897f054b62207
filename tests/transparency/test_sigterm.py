"""SIGTERM: servers that do not handle it deliver, and what the application does with the signal stays in force.

docs/guarantees.md: I-3, I-4.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import pytest

from tests.collector import ROOT
from tests.recorder import Fault
from tests.server import environment

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.conftest import Destination, RunProgram, Serve
    from tests.recorder import Recorder
    from tests.server import Server

# As their users start them. None of them handles SIGTERM.
SERVERS = {
    "waitress": ("plain:app", "/", ()),
    "waitress-serve": ("plain:app", "/", ()),
    "wsgiref": ("plain:app", "/", ()),
    "flask": ("flask_app:app", "/", ()),
    "runserver": ("", "/plain", ("--noreload",)),
}


@pytest.mark.parametrize("server", SERVERS)
def test_server_without_a_handler_delivers_and_ends_by_the_signal(
    serve: Serve, recorder: Recorder, server: str
) -> None:
    application, path, arguments = SERVERS[server]
    running = serve(
        application,
        server,
        to=recorder,
        arguments=arguments,
        variables={"DJANGO_SETTINGS_MODULE": "tests.django.project.settings"},
        EVENT_BATCH_TIMEOUT=60,
        FLUSH_TIMEOUT=30,
    )
    for _ in range(5):
        _call(running, path)
    assert not recorder.events
    assert running.stop() == -signal.SIGTERM
    assert len(recorder.events) == 5


def _call(server: Server, path: str) -> None:
    """Make a call and wait until the server closes the connection: the call is recorded by then."""
    with server.connect() as connection:
        connection.sendall(f"GET {path} HTTP/1.0\r\n\r\n".encode())
        received = b"".join(iter(lambda: connection.recv(65536), b""))
    assert b" 200 " in received.splitlines()[0]


class StartProgram(Protocol):
    def __call__(
        self, source: str, *, to: Destination, command: tuple[str, ...] = (), **options: object
    ) -> subprocess.Popen[str]: ...


@pytest.fixture
def start_program() -> Iterator[StartProgram]:
    """Start a program that makes a call, runs ``source``, prints a line and waits for input.

    ``command`` is what starts the interpreter.
    """
    started: list[subprocess.Popen[str]] = []

    def start(
        source: str, *, to: Destination, command: tuple[str, ...] = (), **options: object
    ) -> subprocess.Popen[str]:
        program = f"{CALL}\n{textwrap.dedent(source)}\n{WAIT}"
        process = subprocess.Popen(
            [*command, sys.executable, "-c", program],
            cwd=ROOT,
            env=environment(to.uri, to.application_id, {"EVENT_BATCH_TIMEOUT": 60, **options}),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        assert process.stdout
        assert process.stdout.readline() == "ready\n"
        return process

    yield start
    for process in started:
        with process:
            process.kill()


CALL = """
import os, select, signal, sys
from moesifwsgi import MoesifMiddleware
from tests.gateway import hello, request

application = MoesifMiddleware(hello, {})
request(application)
"""

# Does not wait for ever: a handler in Python that is called just before a system call does not end that call.
WAIT = """
print("ready", flush=True)
while not select.select([sys.stdin], [], [], 0.05)[0]:
    pass
"""


def test_python_sees_no_handler_and_one_that_the_application_sets_later_is_used(
    start_program: StartProgram, recorder: Recorder
) -> None:
    process = start_program(
        """
        assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(7))
        """,
        to=recorder,
        FLUSH_TIMEOUT=30,
    )
    process.terminate()
    assert process.wait(60) == 7
    assert len(recorder.events) == 1


def test_signal_that_the_application_ignores_stays_ignored(run_program: RunProgram, recorder: Recorder) -> None:
    ended = run_program(
        "import signal, subprocess\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        + CALL
        + "subprocess.run(['kill', str(os.getpid())], check=True); print('still here')",
        to=recorder,
    )
    assert (ended.code, ended.output) == (0, "still here\n")


# A program that was delivering when the application set its own handler. It goes on when it can read a line.
HANDLER_SET_MEANWHILE = """
import glob

def is_delivering():
    for path in glob.glob("/proc/self/task/*/comm"):
        try:
            with open(path) as name:
                if name.read().strip() == "moesif-sigterm":
                    return True
        except OSError:
            pass
    return False

calls = []
while not is_delivering():
    pass
print("ready", flush=True)
input()
signal.signal(signal.SIGTERM, {action})
print("set", flush=True)
while is_delivering():
    pass
request(application)
print(calls, flush=True)
"""


@pytest.mark.parametrize(
    ("action", "calls"), [("lambda *_: calls.append('called')", "['called']"), ("signal.SIG_IGN", "[]")]
)
def test_handler_that_the_application_sets_while_events_are_delivered_gets_the_signal_once(
    start_program: StartProgram, recorder: Recorder, action: str, calls: str
) -> None:
    may_answer = threading.Event()
    recorder.reply = lambda _delivery: 201 if may_answer.wait(60) else 500
    process = start_program(HANDLER_SET_MEANWHILE.replace("{action}", action), to=recorder, FLUSH_TIMEOUT=30)
    assert process.stdin
    assert process.stdout
    process.terminate()
    recorder.wait_for_deliveries(1)
    process.stdin.write("\n")
    process.stdin.flush()
    assert process.stdout.readline() == "set\n"
    may_answer.set()
    assert process.stdout.readline() == f"{calls}\n"
    assert process.stdout.readline() == "ready\n"
    process.stdin.close()
    assert process.wait(60) == 0
    # The process delivers once more when it ends.
    assert len(recorder.events) == 2


def test_flush_timeout_of_zero_ends_the_process_at_once(start_program: StartProgram, recorder: Recorder) -> None:
    process = start_program("", to=recorder, FLUSH_TIMEOUT=0)
    process.terminate()
    assert process.wait(60) == -signal.SIGTERM
    assert recorder.deliveries == []


#: Seconds. More than the default, so that a test fails if the option has no effect.
FLUSH_TIMEOUT = 5


def test_hung_collector_delays_the_end_by_flush_timeout(start_program: StartProgram, recorder: Recorder) -> None:
    recorder.answer_with(then=Fault.HANG)
    process = start_program("", to=recorder, FLUSH_TIMEOUT=FLUSH_TIMEOUT, REQUEST_TIMEOUT=90)
    before = time.monotonic()
    process.terminate()
    assert process.wait(90) == -signal.SIGTERM
    assert FLUSH_TIMEOUT <= time.monotonic() - before < 60


# Each of the children serves a call and is then terminated.
CHILDREN = {
    "Pool": """
        with multiprocessing.Pool(2) as pool:
            pool.map(serve, range(6), chunksize=1)
            before = time.monotonic()
        """,
    "Process": """
        ends, children = zip(*(start() for _ in range(2)))
        before = time.monotonic()
        for child in children:
            child.terminate()
        for child in children:
            child.join()
        """,
}


@pytest.mark.parametrize(("kind", "calls"), [("Pool", 6), ("Process", 2)])
@pytest.mark.parametrize("hangs", [False, True])
def test_terminated_children_of_multiprocessing_deliver_for_at_most_flush_timeout(
    run_program: RunProgram, recorder: Recorder, kind: str, calls: int, *, hangs: bool
) -> None:
    if hangs:
        recorder.answer_with(then=Fault.HANG)
    ended = run_program(
        f"""
import multiprocessing, threading, time
from moesifwsgi import MoesifMiddleware
from tests.gateway import hello, request

application = MoesifMiddleware(hello, {{}})
context = multiprocessing.get_context("fork")

def serve(_number):
    request(application)

def serve_and_wait(end):
    request(application)
    end.send("served")
    threading.Event().wait()

def start():
    ours, theirs = context.Pipe()
    child = context.Process(target=serve_and_wait, args=[theirs])
    child.start()
    assert ours.recv() == "served"
    return ours, child

{textwrap.dedent(CHILDREN[kind]).replace("multiprocessing.Pool", "context.Pool")}
print(time.monotonic() - before)
""",
        to=recorder,
        EVENT_BATCH_TIMEOUT=60,
        FLUSH_TIMEOUT=FLUSH_TIMEOUT if hangs else 30,
        REQUEST_TIMEOUT=90,
    )
    assert ended.code == 0, ended.errors
    if hangs:
        # The children end at the same time.
        assert FLUSH_TIMEOUT <= float(ended.output) < 60
    else:
        assert len(recorder.events) == calls


#: Makes a program the first process of a container, as far as signals are concerned.
CONTAINER = ("unshare", "--pid", "--fork", "--mount-proc", "--kill-child")


#: Serves as many calls as it is told to, and says when they are served.
SERVING_ON = """
print("ready", flush=True)
for _ in range(int(input())):
    request(application)
print("served", flush=True)
"""


@pytest.mark.parametrize(
    ("source", "ends"), [(SERVING_ON, False), ("signal.signal(signal.SIGTERM, lambda signum, frame: sys.exit())", True)]
)
def test_process_1_of_a_container_ends_by_the_signal_only_with_a_handler(
    start_program: StartProgram, recorder: Recorder, source: str, *, ends: bool
) -> None:
    """docs/operations.md says so. Without a handler, the kernel ignores the signal."""
    tried = subprocess.run([*CONTAINER, "true"], capture_output=True, text=True, check=False)
    if tried.returncode:
        pytest.skip(f"only root can make a process the first one of a container: {tried.stderr}")
    process = start_program(
        f"assert os.getpid() == 1\n{source}",
        command=CONTAINER,
        to=recorder,
        FLUSH_TIMEOUT=30,
    )
    [child] = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    os.kill(int(child), signal.SIGTERM)
    calls = 1
    if not ends:
        # It serves on, and has not been told to deliver.
        assert process.stdin
        assert process.stdout
        process.stdin.write("50\n")
        process.stdin.flush()
        assert [process.stdout.readline() for _ in range(2)] == ["served\n", "ready\n"]
        assert recorder.deliveries == []
        assert process.poll() is None
        process.stdin.close()
        calls += 50
    assert process.wait(60) == 0
    assert len(recorder.events) == calls


def test_second_signal_ends_the_process_at_once(start_program: StartProgram, recorder: Recorder) -> None:
    recorder.answer_with(then=Fault.HANG)
    process = start_program("", to=recorder, FLUSH_TIMEOUT=60, REQUEST_TIMEOUT=60)
    before = time.monotonic()
    process.terminate()
    # The process delivers: it has received the signal.
    recorder.wait_for_deliveries(1)
    process.terminate()
    assert process.wait(60) == -signal.SIGTERM
    assert time.monotonic() - before < 30


@pytest.mark.parametrize("sending", ["os.kill(os.getpid(), signal.SIGTERM)", "signal.raise_signal(signal.SIGTERM)"])
def test_nothing_runs_after_the_process_has_sent_the_signal_to_itself(
    run_program: RunProgram, recorder: Recorder, sending: str
) -> None:
    ended = run_program(f"{CALL}\n{sending}\nprint('still here')", to=recorder, FLUSH_TIMEOUT=30)
    assert (ended.code, ended.output) == (-signal.SIGTERM, "")


@pytest.mark.parametrize("serves", [False, True])
def test_child_of_a_fork_ends_by_the_signal_and_delivers_what_it_served(
    run_program: RunProgram, recorder: Recorder, *, serves: bool
) -> None:
    ended = run_program(
        CALL
        + f"""
import moesif
assert moesif.flush(30)
ready, tell = os.pipe()
child = os.fork()
if child == 0:
    if {serves}:
        request(application)
    os.write(tell, b"1")
    signal.pause()
os.read(ready, 1)
os.kill(child, signal.SIGTERM)
assert os.WTERMSIG(os.waitpid(child, 0)[1]) == signal.SIGTERM
""",
        to=recorder,
        EVENT_BATCH_TIMEOUT=60,
        FLUSH_TIMEOUT=30,
    )
    assert ended.code == 0, ended.errors
    assert len(recorder.events) == 1 + serves
