"""The application has no memory left (docs/guarantees.md, I-15): its requests end as without us.

Each program limits its own address space, as ``ulimit -v`` and uWSGI's ``--limit-as`` do.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.collector import Collector
    from tests.conftest import Ended, RunProgram, Serve
    from tests.recorder import Recorder

PRELUDE = """
import json, os, resource, time
import moesif
from tests.applications import exhausting
from tests.gateway import make_environ

BODY = b"q" * 400_000

def limit(more_mebibytes):
    with open("/proc/self/statm") as statm:
        used = int(statm.read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + (more_mebibytes << 20), resource.RLIM_INFINITY))

def serve(path, smallest, body=None):
    # Needs little memory itself: returns the status and the length of the response.
    environ = make_environ("POST" if body else "GET", path, body)
    environ["QUERY_STRING"] = smallest
    statuses, length = [None], 0
    def start_response(status, headers, exc_info=None):
        statuses[0] = status
    result = exhausting.app(environ, start_response)
    for chunk in result:
        length += len(chunk)
    if hasattr(result, "close"):
        result.close()
    return statuses[0][:3], length

def check_sums():
    stats = moesif.stats()
    places = ("sent", "sampled_out", "skipped", "queued", "in_flight", "spooled")
    assert stats["captured"] == sum(stats[place] for place in places) + sum(stats["dropped"].values()), stats
    return stats
"""


#: Panics of pyo3 are printed. With a backtrace, that would take most of the time.
QUIET = {"RUST_BACKTRACE": "0"}
#: Threads of ours have no free memory of their own then, and share what the application has left.
ONE_ARENA = {"MALLOC_ARENA_MAX": "1"}


def _variables(functions: str, token_length: int = 100_000) -> dict[str, str]:
    return QUIET | ({"TOKEN_LENGTH": str(token_length)} if functions == "with-functions" else {})


def _stats(ended: Ended) -> dict[str, Any]:
    """Return the last line that a program printed. It must have ended normally."""
    assert ended.code == 0, ended.errors[-3000:]
    stats: dict[str, Any] = json.loads(ended.output.splitlines()[-1])
    return stats


def _checked_stats(ended: Ended, recorder: Recorder, captured: int) -> dict[str, Any]:
    """Return the last line of a program that lost events for lack of memory only. The others were delivered."""
    stats = _stats(ended)
    assert stats["captured"] == captured
    assert stats["dropped"].keys() <= {"memory"}
    assert stats["sent"] == len(recorder.events) == captured - stats["dropped"].get("memory", 0)
    return stats


@pytest.mark.parametrize("functions", ["without-functions", "with-functions"])
def test_request_that_exhausts_memory_is_answered_by_the_application(
    run_program: RunProgram, recorder: Recorder, functions: str
) -> None:
    ended = run_program(
        PRELUDE
        + """
assert serve("/fine", "") == ("200", 4)
limit(64)
for number in range(50):
    smallest = ("65536", "16384", "8192")[number % 3]
    assert serve("/answers", smallest) == ("500", len(exhausting.LARGE))
    assert serve("/refuses", smallest) == ("500", len(b"out of memory"))
    assert serve("/cookies", smallest) == ("500", len(b"out of memory"))
    assert serve("/reads", smallest, BODY) == ("500", len(b"out of memory"))
    assert serve("/streams", smallest) == ("200", 5 + len(exhausting.LARGE) * exhausting.CHUNKS)
    try:
        serve("/raises", smallest)
    except MemoryError:
        check_sums()
    else:
        raise AssertionError("the exception did not arrive")
assert serve("/fine", "") == ("200", 4)
assert moesif.flush(60)
print(json.dumps({**check_sums()}))
""",
        to=recorder,
        variables=_variables(functions),
    )
    stats = _checked_stats(ended, recorder, captured=302)
    if functions == "without-functions":
        # Small records are kept, and their large bodies are not.
        assert stats["bodies_removed"] >= 50
        assert {event["response"]["status"] for event in recorder.events} == {200, 500}


@pytest.mark.parametrize("arenas", [ONE_ARENA, {}], ids=["one-arena", "many-arenas"])
@pytest.mark.parametrize("functions", ["without-functions", "with-functions"])
def test_process_survives_when_not_one_byte_is_left(
    run_program: RunProgram, recorder: Recorder, functions: str, arenas: dict[str, str]
) -> None:
    # Not even the application and the server can do anything without a MemoryError here.
    ended = run_program(
        PRELUDE
        + """
assert serve("/fine", "") == ("200", 4)
limit(64)
answered = 0
for number in range(100):
    for path in ("/answers", "/refuses", "/reads", "/streams", "/raises"):
        try:
            serve(path, ("64", "16", "1")[number % 3], BODY)
            answered += 1
        except MemoryError:
            pass
assert serve("/fine", "") == ("200", 4)
assert moesif.flush(60)
print(answered, json.dumps({**check_sums()}), sep="\\n")
""",
        to=recorder,
        variables=_variables(functions) | arenas,
    )
    _checked_stats(ended, recorder, captured=502)


def test_outgoing_call_without_memory_returns_as_without_us(run_program: RunProgram, recorder: Recorder) -> None:
    ended = run_program(
        PRELUDE
        + """
import requests
import moesif.outgoing

class Adapter(requests.adapters.BaseAdapter):
    def send(self, request, **options):
        return response

    def close(self):
        pass

session = requests.Session()
session.mount("http://", Adapter())
request = requests.Request("POST", "http://other.example/", headers={"X-Long": "x" * 120_000}, data=BODY).prepare()
response = requests.Response()
response.status_code, response.url, response.request = 200, request.url, request
response.headers["X-Long"] = "y" * 120_000
response._content = exhausting.LARGE
moesif.outgoing.start()
assert session.send(request, allow_redirects=False) is response
limit(32)
environ = {"QUERY_STRING": "32768"}
try:
    exhausting.exhaust(environ)
except MemoryError:
    pass
for _ in range(20):
    assert session.send(request, allow_redirects=False) is response
environ.clear()
assert session.send(request, allow_redirects=False) is response
assert moesif.flush(60)
print(json.dumps({**check_sums()}))
""",
        to=recorder,
        variables=QUIET | ONE_ARENA,
    )
    stats = _checked_stats(ended, recorder, captured=22)
    assert stats["sent"] >= 2


@pytest.mark.parametrize("kind", ["RLIMIT_AS", "RLIMIT_DATA"])
def test_request_of_the_api_raises_without_memory(run_program: RunProgram, recorder: Recorder, kind: str) -> None:
    ended = run_program(
        PRELUDE.replace("RLIMIT_AS", kind)
        + """
from moesif import _native
client = _native.ApiClient(None)
text = '{"a": "' + "x" * 5_000_000 + '"}'
document = text.encode()
client.post("/v1/users", "{}", 1.0)
limit(0)
environ = {"QUERY_STRING": "65536"}
try:
    exhausting.exhaust(environ)
except MemoryError:
    pass
raised = 0
for make in (
    lambda: client.post("/v1/users", text, 1.0),
    lambda: client.own("PUT", "http://h/", [], document, True, 1.0),
):
    try:
        make()
    except MemoryError:
        raised += 1
environ.clear()
print(raised)
""",
        to=recorder,
    )
    assert (ended.code, ended.output) == (0, "2\n"), ended.errors[-3000:]


def test_calls_that_begin_without_memory_are_dropped_and_counted(run_program: RunProgram, recorder: Recorder) -> None:
    ended = run_program(
        PRELUDE
        + """
assert serve("/fine", "") == ("200", 4)
environs = [make_environ(path="/waits", HTTP_X_LONG="x" * 3000) for _ in range(500)]
results = [None] * len(environs)
def start_response(status, headers, exc_info=None):
    pass
limit(16)
environ = {"QUERY_STRING": "16"}
try:
    exhausting.exhaust(environ)
except MemoryError:
    pass
begun = 0
for number in range(len(environs)):
    try:
        results[number] = exhausting.app(environs[number], start_response)
        next(iter(results[number]))
        begun += 1
    except MemoryError:
        pass
environ.clear()
results.clear()
assert serve("/fine", "") == ("200", 4)
assert moesif.flush(60)
print(begun, json.dumps({**check_sums()}), sep="\\n")
""",
        to=recorder,
        variables=QUIET | ONE_ARENA,
    )
    stats = _stats(ended)
    assert stats["dropped"].keys() == {"memory"}
    assert stats["sent"] + stats["dropped"]["memory"] == stats["captured"]
    assert stats["sent"] == len(recorder.events) >= 2


def test_delivery_waits_for_memory_and_then_goes_on(run_program: RunProgram, recorder: Recorder) -> None:
    ended = run_program(
        PRELUDE
        + """
BODY = b"[" + b"1," * 150_000 + b"1]"
for _ in range(40):
    assert serve("/fine", "", BODY) == ("200", 4)
assert moesif.stats()["queued"] == 40
limit(16)
environ = {"QUERY_STRING": "65536"}
try:
    exhausting.exhaust(environ)
except MemoryError:
    pass
# Leaves less than a worker needs to write an event of this size.
exhausting.take(environ["held"], bytearray, 1 << 20, 65536)
try:
    assert not moesif.flush(1)
    assert moesif.stats()["sent"] == 0
except MemoryError:
    pass  # this program may have none either
environ.clear()
assert moesif.flush(60)
print(json.dumps({**check_sums()}))
""",
        to=recorder,
        variables=ONE_ARENA,
        EVENT_BATCH_TIMEOUT=3600,
    )
    stats = _stats(ended)
    assert (stats["captured"], stats["sent"], stats["dropped"]) == (40, 40, {})
    # A worker that does not wait ends the process, or fails to write the batch.
    assert stats["last_error"] is None
    assert len(recorder.events) == 40


def test_calls_do_not_make_the_c_library_keep_memory(run_program: RunProgram, recorder: Recorder) -> None:
    # glibc no longer maps blocks of a size that a program has freed, and keeps them.
    ended = run_program(
        PRELUDE
        + """
import ctypes

class Usage(ctypes.Structure):
    names = "arena ordblks smblks hblks hblkhd usmblks fsmblks uordblks fordblks keepcost"
    _fields_ = [(name, ctypes.c_size_t) for name in names.split()]

libc = ctypes.CDLL(None)
libc.mallinfo2.restype = Usage

blocks = []

def is_mapped():
    before = libc.mallinfo2().hblks
    blocks.append(bytearray(3 << 20))
    return libc.mallinfo2().hblks - before == 1

assert is_mapped()
assert serve("/fine", "", BODY) == ("200", 4)
assert moesif.flush(60)
print(is_mapped())
""",
        to=recorder,
    )
    assert (ended.code, ended.output) == (0, "True\n"), ended.errors


def test_requests_are_served_while_no_thread_can_be_started(run_program: RunProgram, recorder: Recorder) -> None:
    ended = run_program(
        PRELUDE
        + """
limit(3)
for _ in range(20):
    assert serve("/fine", "", b"{}") == ("200", 4)
assert len(os.listdir("/proc/self/task")) == 1
assert check_sums()["queued"] == 20
resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
deadline = time.monotonic() + 30
# One thread is that for SIGTERM.
while len(os.listdir("/proc/self/task")) < 3:
    assert time.monotonic() < deadline
    time.sleep(0.05)
    serve("/fine", "", b"{}")
assert moesif.flush(60)
print(json.dumps({**check_sums()}))
""",
        to=recorder,
    )
    stats = _stats(ended)
    assert stats["captured"] == stats["sent"] == len(recorder.events)
    assert stats["captured"] > 20
    assert "no thread could be started to deliver events" in ended.errors


@pytest.mark.parametrize("functions", ["without-functions", "with-functions"])
def test_uwsgi_worker_survives_its_limit(serve: Serve, collector: Collector, functions: str) -> None:
    server = serve(
        "exhausting:app",
        "uwsgi",
        to=collector,
        arguments=("--limit-as", "600"),
        variables=_variables(functions, token_length=5),
        FLUSH_TIMEOUT=30,
    )
    before = json.loads(server.get("/stats").body)
    for number in range(100):
        for path in ("/answers", "/refuses"):
            # uWSGI itself ends its worker if it has no memory to write a response.
            answer = server.get(f"{path}?{('65536', '32768')[number % 2]},262144")
            assert answer.status == 500, server.output()[-3000:]
    after = json.loads(server.get("/stats").body)
    assert after["pid"] == before["pid"], server.output()[-3000:]
    dropped = sum(after["dropped"].values())
    assert after["captured"] == 201
    server.stop(60)
    assert "died" not in server.output()
    assert len(collector.events()) == 202 - dropped
