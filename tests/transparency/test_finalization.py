"""The interpreter can shut down at any time (docs/guarantees.md, I-3, I-5).

Daemon threads of the application still serve requests meanwhile, and our threads still deliver.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.recorder import Answer

if TYPE_CHECKING:
    from tests.conftest import RunProgram
    from tests.recorder import Recorder

# Every call into the application, the server or one of their values releases the interpreter lock and takes it again.
PROGRAM = """
import sys, threading, time
import moesif
from moesifwsgi import MoesifMiddleware
from tests.gateway import make_environ

class Slow:
    def __init__(self, result=None):
        self.result = result

    def __call__(self, *_arguments):
        time.sleep(0.001)
        return self.result

    def __bool__(self):
        return self() is None

    def __str__(self):
        self()
        return "slow"

class Input:
    read = Slow(b"{}")
    readline = Slow(b"")
    readinto = Slow(0)
    seek = Slow()
    tell = Slow(0)

    def readlines(self):
        return self

    def __iter__(self):
        for _ in range(3):
            yield Slow(b"line")()

    def __getattr__(self, name):
        Slow()()
        raise AttributeError(name)


def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "application/json")])
    return [b"{}"]

def slow(environ, start_response):
    Slow()()
    return application(environ, start_response)

def streaming(environ, start_response):
    write = start_response("200 OK", [])
    write(b"first")
    return iter(Input())

def reading(environ, start_response):
    stream = environ["wsgi.input"]
    stream.readline()
    stream.seek(0)
    stream.readinto(bytearray(1))
    stream.readlines()
    list(stream)
    getattr(stream, "name", None)
    return application(environ, start_response)

def mask(event):
    Slow()()
    return event

ways = {
    "application": (slow, {}),
    "response": (streaming, {}),
    "input": (reading, {}),
    "read first": (reading, {"READ_REQUEST_BODY_FIRST": True}),
    "functions": (application, {
        "SKIP": Slow(Slow()), "IDENTIFY_USER": Slow(Slow()), "GET_METADATA": Slow({"key": [Slow()]}),
    }),
    "event model": (application, {"MASK_EVENT_MODEL": mask}),
}
way, options = ways.get(WAY, (application, {}))
middleware = MoesifMiddleware(way, options)

def start_response(*_arguments):
    Slow()()
    return Slow()

def serve():
    while True:
        if WAY == "flush":
            moesif.flush(30)
        result = middleware(make_environ("POST", "/", b"{}", wsgi_input=Input()), start_response)
        for _ in result:
            pass
        getattr(result, "close", Slow())()

for _ in range(8):
    threading.Thread(target=serve, daemon=True).start()
time.sleep(0.3)
print("end", flush=True)
"""


@pytest.mark.parametrize("way", ["application", "response", "input", "read first", "functions", "event model", "flush"])
def test_threads_serving_during_shutdown_do_not_crash_process(
    run_program: RunProgram, recorder: Recorder, way: str
) -> None:
    recorder.answer_with(then=Answer(201, delay=0.02))
    for _ in range(3):
        ended = run_program(
            f"WAY = {way!r}\n{PROGRAM}",
            to=recorder,
            BATCH_SIZE=1,
            EVENT_QUEUE_SIZE=1000,
            EVENT_WORKER_COUNT=8,
            FLUSH_TIMEOUT=0.05,
        )
        assert (ended.code, ended.output) == (0, "end\n"), ended.errors
        assert "Traceback" not in ended.errors


@pytest.mark.parametrize("served", [False, True], ids=["unused", "after a call"])
def test_subinterpreter_does_not_delay_exit(run_program: RunProgram, recorder: Recorder, *, served: bool) -> None:
    ended = run_program(
        f"""
        try:
            import _interpreters as interpreters
        except ImportError:
            import _xxsubinterpreters as interpreters
        code = '''
        import moesif
        from moesifwsgi import MoesifMiddleware
        from tests.gateway import hello, request
        if {served}:
            request(MoesifMiddleware(hello, {{}}))
            assert moesif.flush(20)
        '''
        import textwrap
        failure = interpreters.run_string(interpreters.create(), textwrap.dedent(code))
        assert failure is None, failure
        """,
        to=recorder,
    )
    assert ended.code == 0, ended.errors
    assert len(recorder.events) == served
