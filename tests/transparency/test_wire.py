"""An application behaves the same on a server with and without the middleware.

The bytes on the wire, the calls to the application and the errors in the server's log are compared
(docs/guarantees.md, I-1, I-7 to I-10, I-13, I-19).
"""

from __future__ import annotations

import itertools
import re
import shutil
import signal
import tempfile
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.client import PROCESS_ID, TRANSACTION_ID, Script, Step, follow, without_chunks, without_dates
from tests.gate import Gate
from tests.recorder import Recorder
from tests.server import Server, environment, require

if TYPE_CHECKING:
    from collections.abc import Iterator

# Arguments that start each server with the middleware. The first are for default options. The second are for all
# functions and masks, and load the application before the fork if the server can do so.
SERVERS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "gunicorn-sync": (("--workers", "2"), ("--workers", "2", "--preload")),
    "gunicorn-gthread": (("--workers", "2"), ("--workers", "2", "--preload")),
    "gunicorn-gevent": (("--workers", "2"), ("--workers", "2", "--preload")),
    "uwsgi": (("--master", "--processes", "2", "--lazy-apps"), ("--master", "--processes", "2")),
    "waitress": ((), ()),
    "wsgiref": ((), ()),
    "hypercorn": (("--workers", "2"), ("--workers", "2")),
    "mod_wsgi": (("2", "%{GLOBAL}"), ("2", "%{RESOURCE}")),
}
SINGLE_PROCESS = ("waitress", "wsgiref")
# Servers that read the body of a request with ``Expect`` without sending ``100 Continue``.
WITHOUT_CONTINUE = ("uwsgi", "wsgiref")


@dataclass
class Served:
    """A running server with the application."""

    server: Server
    journal: Path
    gate: Gate
    recorder: Recorder
    is_debugging: bool

    def notes(self) -> dict[str, list[str]]:
        """Return the lines that the application wrote into its journal, by case."""
        notes: dict[str, list[str]] = {}
        for line in self.journal.read_text().splitlines():
            case, _, what = line.partition(" ")
            notes.setdefault(case, []).append(what)
        return notes


@dataclass
class SideBySide:
    """A server with the bare application, and twice with the middleware."""

    kind: str
    bare: Served
    captured: list[Served]

    @property
    def all(self) -> list[Served]:
        return [self.bare, *self.captured]

    def await_closes(self) -> None:
        """Wait until calls whose clients have left are closed."""
        deadline = time.monotonic() + 60
        while any(served.notes().get("a_client_that_leaves") == ["called"] for served in self.all):
            assert time.monotonic() < deadline
            time.sleep(0.05)


@pytest.fixture(scope="module", params=SERVERS)
def side_by_side(request: pytest.FixtureRequest) -> Iterator[SideBySide]:
    kind: str = request.param
    require(kind)
    started: list[Served] = []

    def start(name: str, arguments: tuple[str, ...], variables: dict[str, str], **options: object) -> Served:
        # Apache runs as another user, which may not enter pytest's temporary directory.
        directory = Path(tempfile.mkdtemp(prefix="moesif-"))
        directory.chmod(0o777)
        recorder, gate, journal = Recorder(), Gate(), directory / "journal"
        places = {"JOURNAL": str(journal), **gate.environment}
        variables = environment(recorder.uri, recorder.application_id, options) | places | variables
        server = Server(f"tests.applications.wire:{name}", kind, arguments, variables, directory / "server.log")
        started.append(Served(server, journal, gate, recorder, "DEBUG" in options))
        return started[-1]

    plain, everything = SERVERS[kind]
    yield SideBySide(
        kind,
        start("bare", plain, {}),
        [start("app", plain, {}), start("app", everything, {"EVERYTHING": "1"}, DEBUG=True)],
    )
    for served in started:
        served.server.kill()
        served.gate.close()
        served.recorder.close()
        shutil.rmtree(served.journal.parent)


def _get(path: str, *fields: str, method: str = "GET", version: str = "1.1", close: bool = True) -> bytes:
    lines = [f"{method} {path} HTTP/{version}", "Host: h", "X-Case: {case}", *fields]
    lines += ["Connection: close"] if close and version == "1.1" else []
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


def _post(path: str, body: bytes, *fields: str, length: int | None = None) -> bytes:
    return _get(path, f"Content-Length: {len(body) if length is None else length}", *fields, method="POST") + body


def _chunked(path: str, *pieces: bytes) -> bytes:
    chunks = b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in (*pieces, b""))
    return _get(path, "Transfer-Encoding: chunked", method="POST") + chunks


LINES = b"first line\n\n\x00\xff binary \r\nno end" * 9
SHAPES = (
    *("list", "pieces", "nothing", "empty", "tuple", "generator", "no-chunk", "iterator", "closed", "sized", "rows"),
    *("dictionary", "large"),
)
STATUSES = (
    *("200%20OK", "201%20Created", "204%20No%20Content", "206%20Partial%20Content", "301%20Moved%20Permanently"),
    *("304%20Not%20Modified", "404%20Not%20Found", "418%20I'm%20a%20teapot", "500%20Internal%20Server%20Error"),
    *("299%20An%20odd,%20long%20reason%20-%20with:%20signs", "599%20Own", "200", "abc", ""),
)

CASES: dict[str, Script] = {
    **{f"status {line}": (_get(f"/status/{line}"),) for line in STATUSES},
    "headers": (_get("/headers"),),
    "a header that would split the response": (_get("/split_header"),),
    **{f"{shape}": (_get(f"/shape/{shape}"),) for shape in SHAPES},
    **{f"{shape} with length": (_get(f"/shape/{shape}/length"),) for shape in ("generator", "closed", "sized")},
    **{
        f"HEAD {path}": (_get(path, method="HEAD"),)
        for path in (
            "/shape/list",
            "/shape/generator",
            "/shape/closed/length",
            "/status/204%20No%20Content",
            "/file/small",
        )
    },
    "OPTIONS": (_get("/headers", method="OPTIONS"),),
    "an unknown method": (_get("/headers", method="BREW"),),
    **{f"announces {length} of 5 bytes": (_get(f"/wrong_length/{length}"),) for length in (0, 3, 9)},
    **{f"{kind} file": (_get(f"/file/{kind}"),) for kind in ("small", "large", "rest", "memory", "reader")},
    "write": (_get("/write"),),
    "write only": (_get("/write/only"),),
    "head replaced": (_get("/replaced"),),
    "head replaced too late": (_get("/replaced_too_late"),),
    "started twice": (_get("/started_twice"),),
    "never started": (_get("/never_started"),),
    "started late": (_get("/started_late"),),
    **{f"fails {moment}": (_get(f"/fails/{moment}"),) for moment in ("before", "after", "first", "middle", "close")},
    **{f"answers {what}": (_get(f"/improper/{what}"),) for what in ("none", "number", "text", "bytes", "string")},
    **{
        f"{way} with length": (_post(f"/read/{way}", LINES),)
        for way in ("read", "pieces", "readline", "readlines", "iterate", "mixed")
    },
    **{
        f"{way} in chunks": (_chunked(f"/read/{way}", LINES, b"x", LINES),)
        for way in ("pieces", "readline", "readlines", "iterate", "mixed")
    },
    "no body": (_post("/read/pieces", b""),),
    "a body that comes later": (
        _post("/read/read", b"", length=6) + b"one",
        b"two",
    ),
    "a body that ends early": (_post("/read/pieces", b"part", length=100), Step.FINISH),
    "a length that is not a number": (_get("/read/read", "Content-Length: abc", method="POST"),),
    "a negative length": (_get("/read/read", "Content-Length: -1", method="POST"), Step.FINISH),
    "broken chunks": (_get("/read/pieces", "Transfer-Encoding: chunked", method="POST") + b"zz\r\nabc\r\n0\r\n\r\n",),
    "a body with a GET": (_get("/read/pieces", "Content-Length: 4") + b"body",),
    "an unread upload": (_post("/unread", bytes(1_000_000)),),
    "an unread upload that ends early": (_post("/unread", bytes(3_000), length=1_000_000), Step.FINISH),
    "expects 100-continue": (
        _get("/read/read", "Expect: 100-continue", "Content-Length: 4", method="POST"),
        Step.AWAIT,
        b"body",
    ),
    "expects 100-continue, body unread": (
        _get("/unread", "Expect: 100-continue", "Content-Length: 4", method="POST"),
        Step.AWAIT,
        b"body",
    ),
    "pipelined": (
        _get("/shape/list", "X-Number: 1", close=False)
        + _get("/headers", "X-Number: 2", close=False)
        + _get("/shape/generator", "X-Number: 3", close=False)
        + _get("/shape/list", "X-Number: 4"),
    ),
    "pipelined after a body": (
        _get("/read/pieces", "Content-Length: 5", method="POST", close=False) + b"12345" + _get("/shape/list"),
    ),
    "pipelined after an unread body": (
        _get("/unread", "Content-Length: 5", method="POST", close=False) + b"12345" + _get("/shape/list"),
    ),
    "pipelined after an error": (_get("/fails/before", close=False) + _get("/shape/list"),),
    "HTTP/1.0": (_get("/shape/generator", version="1.0"),),
    "HTTP/1.0 kept alive": (
        _get("/shape/list", "Connection: keep-alive", version="1.0") + _get("/shape/list", version="1.0"),
    ),
    "HTTP/1.0 without a host": (b"GET /seen HTTP/1.0\r\nX-Case: {case}\r\n\r\n",),
    "environ": (_get("/seen?a=1&a=2&%C3%A9", "Accept: */*", "Cookie: a=1; b=2", "Authorization: Basic YTpi"),),
    "environ of a body": (_post("/seen/posted", b"{}", "Content-Type: application/json"),),
    "environ of a path that is not ASCII": (_get("/seen/caf%C3%A9/%F0%9F%98%80/%2F%3F%23/a;b=c//d/../e"),),
    "environ of a path in bytes": (_get("/seen/caf\xc3\xa9/\xff?q=\xff"),),
    "environ of odd headers": (
        _get("/seen", "X-Latin: caf\xe9", "X-Twice: 1", "X-Twice: 2", "X-Empty:", "X-Space:   a  ", "X_Under: u"),
    ),
    "environ of a whole URI": (_get("http://other.example:81/seen?q"),),
    "a header without a colon": (_get("/seen", "no colon"),),
    "bytes that are not a request": (b"\x16\x03\x01 hello\r\n\r\n",),
    "a client that leaves": (_get("/flood"), Step.AWAIT, Step.LEAVE),
    "first chunk before the second": (_get("/steps"), Step.AWAIT, Step.GO),
}


def _script(case: str, kind: str) -> Script:
    script = CASES[case]
    if case.startswith("expects") and kind in WITHOUT_CONTINUE:
        script = tuple(step for step in script if step is not Step.AWAIT)
    name = case.replace(" ", "_").encode()
    return tuple(step.replace(b"{case}", name) if isinstance(step, bytes) else step for step in script)


@pytest.mark.parametrize("case", CASES)
def test_bytes_on_the_wire_are_the_same(side_by_side: SideBySide, case: str) -> None:
    if side_by_side.kind == "hypercorn" and case.endswith("ends early"):
        pytest.skip("the response of hypercorn depends on whether the end arrives with the bytes or after them")
    script = _script(case, side_by_side.kind)

    def answer(served: Served) -> bytes:
        received = without_dates(follow(script, served.server, served.gate))
        # With Apache the application is another process, and chunks that follow quickly may be sent together.
        return without_chunks(received) if side_by_side.kind == "mod_wsgi" else received

    expected = answer(side_by_side.bare)
    by_the_application = expected.lower().count(b"x-application: wire")
    for served in side_by_side.captured:
        found = answer(served)
        found, ids = TRANSACTION_ID.subn(b"", found)
        assert ids == by_the_application
        if served.is_debugging:
            found, processes = PROCESS_ID.subn(b"", found)
            assert processes == by_the_application
        if Step.LEAVE not in script:
            assert found == expected


@pytest.fixture(scope="module")
def ended(side_by_side: SideBySide) -> SideBySide:
    """The servers after many concurrent calls, handled by several processes, and after a regular stop."""

    def call_all_processes(served: Served) -> None:
        processes: set[bytes] = set()
        wanted = 1 if side_by_side.kind in SINGLE_PROCESS else 2
        deadline = time.monotonic() + 60
        numbers = itertools.count()

        def call(number: int) -> bytes:
            return served.server.get("/process", {"X-Case": f"call-{number}"}).body

        with ThreadPoolExecutor(8) as clients:
            while len(processes) < wanted or next(numbers) < 100:
                processes |= set(clients.map(call, itertools.islice(numbers, 25)))
                assert time.monotonic() < deadline, processes

    for served in side_by_side.captured:
        call_all_processes(served)
    side_by_side.await_closes()
    # uWSGI ends a busy worker without exit handlers, and a client cannot see when a worker is no longer busy.
    for served in side_by_side.captured:
        served.recorder.wait_for(sum(notes.count("called") for notes in served.notes().values()), timeout=60)
    with ThreadPoolExecutor() as ends:
        list(ends.map(lambda served: served.server.stop(), side_by_side.all))
    return side_by_side


def test_every_process_exits_with_the_same_code(ended: SideBySide) -> None:
    expected = ended.bare.server.process.returncode
    # waitress and wsgiref do not handle SIGTERM.
    assert expected == (-signal.SIGTERM if ended.kind in SINGLE_PROCESS else 0)
    assert [served.server.process.returncode for served in ended.captured] == [expected] * 2


def test_calls_and_closes_are_the_same(ended: SideBySide) -> None:
    expected = ended.bare.notes()
    for served in ended.captured:
        notes = served.notes()
        assert {case: notes.get(case) for case in expected} == expected


def test_every_call_of_every_process_is_recorded_once(ended: SideBySide) -> None:
    for served in ended.captured:
        called = {case: notes.count("called") for case, notes in served.notes().items()}
        recorded = Counter(event["request"]["headers"].get("X-Case", "None") for event in served.recorder.events)
        assert recorded == called
        assert sum(recorded.values()) >= 100


def test_server_logs_the_same_errors(ended: SideBySide) -> None:
    expected = _errors(ended.bare.server, ended.kind)
    for served in ended.captured:
        assert _errors(served.server, ended.kind) == expected
    assert sum("LookupError: fails" in error for error in expected) == 5


def _errors(server: Server, kind: str) -> Counter[str]:
    """Return the tracebacks in a server's log, without times, processes and addresses."""
    errors: list[list[str]] = []
    for line in server.output().splitlines():
        # Remove the prefix that Apache adds to each line.
        text = re.sub(r"^(\[[^\]]*\] )+", "", line)
        if text.startswith("Traceback "):
            errors.append([])
        if errors and (text.startswith(("Traceback ", "  ")) or errors[-1][-1].startswith("  ")):
            errors[-1].append(re.sub("0x[0-9a-f]+|/[^ ]*/", "", text))
    whole = ["\n".join(error) for error in errors]
    # Hypercorn logs failures to send only if it is still sending.
    return Counter(error for error in whole if kind != "hypercorn" or "wire.py" in error)
