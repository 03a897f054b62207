"""A signal that the application blocks stays pending: our threads do not receive it (docs/guarantees.md, I-5)."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.conftest import RunProgram
    from tests.recorder import Recorder

PROGRAM = """
import os, signal, subprocess, threading
import moesif
from moesifwsgi import MoesifMiddleware
from tests.gateway import hello, request

middleware = MoesifMiddleware(hello, {})
request(middleware)
middleware.update_user({"user_id": "one"})  # starts the threads of the API too
assert moesif.flush(30)
assert threading.active_count() == 1 < len(os.listdir("/proc/self/task"))

ran = []
signal.signal(signal.SIGINT, lambda *_: ran.append("SIGINT"))
blocked = {signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2, signal.SIGINT, signal.SIGALRM}
before = signal.pthread_sigmask(signal.SIG_BLOCK, blocked)
assert not before & blocked, "the thread of the application has its signals blocked"
for number in blocked:
    subprocess.run(["kill", "-s", signal.Signals(number).name[3:], str(os.getpid())], check=True)
assert signal.sigpending() == blocked
assert not ran
print("whole", flush=True)
"""


def test_signals_that_the_application_blocks_stay_pending(run_program: RunProgram, recorder: Recorder) -> None:
    ended = run_program(PROGRAM, to=recorder)
    assert (ended.code, ended.output) == (0, "whole\n"), ended.errors
