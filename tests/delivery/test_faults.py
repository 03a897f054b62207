"""Events survive every failure of the network and the collector (docs/guarantees.md, I-2, I-20, I-23)."""

from __future__ import annotations

import json
import threading
import time
from email.utils import formatdate
from typing import TYPE_CHECKING

import pytest

from tests.delivery import fault_server as faults

if TYPE_CHECKING:
    from tests.conftest import RunProgram
    from tests.delivery.fault_server import FaultServer, FaultServers

PROGRAM = """
import json, time
import moesif
from moesifwsgi import MoesifMiddleware
from tests.gateway import hello, make_environ, request
application = MoesifMiddleware(hello, {})
for number in range(60):
    request(application, make_environ(path=f"/{number}"))
    stats = moesif.stats()
    waiting = stats["queued"] + stats["in_flight"]
    assert stats["captured"] == number + 1 == stats["sent"] + waiting + sum(stats["dropped"].values()), stats
end = time.monotonic() + 60
while not (settled := moesif.flush(0.3)) and time.monotonic() < end:
    pass
print(json.dumps({"settled": settled, **moesif.stats()}))
"""


def _run(run_program: RunProgram, server: FaultServer, **options: object) -> dict[str, object]:
    given = {"REQUEST_TIMEOUT": 0.5, "BATCH_SIZE": 20, "FLUSH_TIMEOUT": 0} | options
    variables = {f"MOESIF_{name}": str(value) for name, value in given.items()}
    ended = run_program(PROGRAM, to=server, variables=variables)
    assert ended.code == 0, ended.errors
    stats: dict[str, object] = json.loads(ended.output)
    return stats


BEHAVIOURS = {
    "hangs": faults.hang,
    "does not read": faults.hang_unread,
    "resets during the request": faults.reset,
    "closes without an answer": faults.close_unanswered,
    "truncates the answer": faults.truncate,
    "drips": faults.drip,
    "answers garbage": faults.garbage,
    "never ends its header": faults.endless_head,
    "500": faults.status(500),
    "503": faults.status(503),
    "429, at once": faults.status(429, ("Retry-After", "0")),
    "429, in the past": faults.status(429, ("Retry-After", "Sun, 06 Nov 1994 08:49:37 GMT")),
    "redirects": faults.status(307, ("Location", "http://127.0.0.1:1/v1/events/batch")),
    "401": faults.status(401),
}


@pytest.mark.parametrize("name", list(BEHAVIOURS))
@pytest.mark.parametrize("times", [1, 4])
def test_events_are_delivered_after_temporary_failures(
    run_program: RunProgram, fault_servers: FaultServers, name: str, times: int
) -> None:
    server = fault_servers.start(*[BEHAVIOURS[name]] * times)
    stats = _run(run_program, server)
    assert (stats["settled"], stats["sent"], stats["dropped"]) == (True, 60, {})
    assert (stats["queued"], stats["in_flight"], stats["breaker"]) == (0, 0, "closed")
    stored = {event["transaction_id"]: event["request"]["uri"] for event in server.events}
    assert sorted(stored.values()) == sorted(f"http://api.example.com/{number}" for number in range(60))


@pytest.mark.parametrize("name", ["429, at once", "429, in the past"])
def test_pause_follows_a_retry_after_of_zero_or_in_the_past(
    run_program: RunProgram, fault_servers: FaultServers, name: str
) -> None:
    server = fault_servers.start(*[BEHAVIOURS[name]] * 1000)
    run_program(
        """
        import time
        from moesifwsgi import MoesifMiddleware
        from tests.gateway import hello, request
        request(MoesifMiddleware(hello, {"EVENT_BATCH_TIMEOUT": 0}))
        time.sleep(3)
        """,
        to=server,
        FLUSH_TIMEOUT=0,
    )
    # Each pause is at least 50 ms, and much longer on average.
    assert 1 <= len(server.targets) <= 60


def test_events_arrive_after_connections_were_refused(run_program: RunProgram, fault_servers: FaultServers) -> None:
    server = fault_servers.start()
    server.refuse()
    returning = threading.Timer(1.5, server.listen)
    returning.start()
    stats = _run(run_program, server)
    returning.join()
    assert (stats["settled"], stats["sent"], stats["dropped"]) == (True, 60, {})
    assert len(server.events) == 60


def test_size_limit_of_the_collector_is_remembered(run_program: RunProgram, fault_servers: FaultServers) -> None:
    server = fault_servers.start(then=faults.limit_size(900))
    stats = _run(run_program, server, BATCH_SIZE=30, EVENT_WORKER_COUNT=1)
    assert (stats["settled"], stats["sent"], stats["dropped"]) == (True, 60, {})
    too_large = [index for index, headers in enumerate(server.headers) if int(headers["content-length"]) > 900]
    # Only the first batch is too large. Later ones respect the limit.
    assert too_large == list(range(len(too_large)))
    assert 1 <= len(too_large) <= 5


@pytest.mark.parametrize("form", ["seconds", "date"])
def test_retry_after_in_seconds_and_as_a_date(run_program: RunProgram, fault_servers: FaultServers, form: str) -> None:
    moments = []

    def ask_to_wait(request: faults.Request) -> None:
        moments.append(time.monotonic())
        value = "2" if form == "seconds" else formatdate(time.time() + 3, usegmt=True)
        faults.status(503, ("Retry-After", value))(request)

    def accept_later(request: faults.Request) -> None:
        moments.append(time.monotonic())
        faults.accept(request)

    stats = _run(run_program, fault_servers.start(ask_to_wait, then=accept_later), BATCH_SIZE=100, EVENT_WORKER_COUNT=1)
    assert (stats["settled"], stats["sent"]) == (True, 60)
    # A date has no fraction of a second. The program flushes repeatedly meanwhile.
    assert 1.9 <= moments[1] - moments[0] < 30


@pytest.mark.parametrize("workers", [1, 4])
def test_failing_collector_gets_one_attempt_per_pause(
    run_program: RunProgram, fault_servers: FaultServers, workers: int
) -> None:
    server = fault_servers.start(then=faults.status(503))
    ended = run_program(
        """
        import time
        import moesif
        from moesifwsgi import MoesifMiddleware
        from tests.gateway import hello, make_environ, request
        application = MoesifMiddleware(hello, {})
        end = time.monotonic() + 4
        while time.monotonic() < end:
            request(application)
            time.sleep(0.002)
        stats = moesif.stats()
        assert not stats["dropped"], stats
        assert stats["queued"] + stats["in_flight"] == stats["captured"], stats
        """,
        to=server,
        BATCH_SIZE=10,
        EVENT_WORKER_COUNT=workers,
        FLUSH_TIMEOUT=0,
    )
    assert ended.code == 0, ended.errors
    # There are 2,000 calls in hundreds of batches. The upper bound of the random pauses doubles each time.
    assert len(server.targets) <= workers + 25
