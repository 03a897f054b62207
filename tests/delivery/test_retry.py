"""What happens to events after each answer of the collector, or none (docs/guarantees.md, I-20)."""

from __future__ import annotations

import itertools
import json
import logging
import re
from collections import Counter
from typing import TYPE_CHECKING

import pytest

from tests.collector import ROOT
from tests.gateway import hello, make_environ, request
from tests.recorder import Answer, Delivery, Fault, Reply

if TYPE_CHECKING:
    from tests.conftest import RunProgram, Wrap
    from tests.recorder import Recorder

# Serves requests for the given paths, flushes, and prints the statistics and the log messages.
PROGRAM = """
import json, logging, os, time
import moesif
from moesifwsgi import MoesifMiddleware
from tests.gateway import hello, make_environ, request

logged = []
class Keep(logging.Handler):
    def emit(self, record):
        logged.append((record.name, record.levelname, record.getMessage()))
logging.getLogger().addHandler(Keep())
logging.getLogger("moesif.delivery").setLevel(logging.INFO)

application = MoesifMiddleware(hello, {})
for path in json.loads(os.environ["PATHS"]):
    request(application, make_environ(path=path))
settled = moesif.flush(float(os.environ.get("FLUSH_SECONDS", "20")))
print(json.dumps({"settled": settled, "logged": logged, **moesif.stats()}))
"""


def _paths(recorder: Recorder) -> list[str]:
    return [event["request"]["uri"].removeprefix("http://api.example.com") for event in recorder.events]


@pytest.mark.parametrize(
    "replies",
    [(503, 503), (500,), (429,), (408,), (502, 504), (Fault.RESET,), (Fault.GARBAGE,), (Fault.RESET, 503)],
    ids=str,
)
def test_batch_is_resent_after_a_temporary_failure(recorder: Recorder, wrap: Wrap, replies: tuple[Reply, ...]) -> None:
    recorder.answer_with(*replies)
    application = wrap(hello, BATCH_SIZE=2)
    for path in ("/a", "/b"):
        request(application, make_environ(path=path))
    recorder.wait_for(2)
    assert sorted(_paths(recorder)) == ["/a", "/b"]
    assert len(recorder.deliveries) == len(replies) + 1
    # The same bytes, so the collector recognises the transaction ids.
    assert len({delivery.json for delivery in recorder.deliveries}) == 1


def test_hanging_request_ends_at_the_request_timeout(recorder: Recorder, wrap: Wrap) -> None:
    recorder.answer_with(Fault.HANG)
    request(wrap(hello, REQUEST_TIMEOUT=0.3))
    recorder.wait_for(1)
    first, second = recorder.deliveries
    assert second.at - first.at >= 0.3


@pytest.mark.parametrize("status", [429, 503])
def test_retry_after_is_respected(recorder: Recorder, wrap: Wrap, status: int) -> None:
    # This is longer than the longest first pause.
    recorder.answer_with(Answer(status, (("Retry-After", "2"),)))
    request(wrap(hello))
    recorder.wait_for(1)
    first, second = recorder.deliveries
    assert 2 <= second.at - first.at < 30


def test_pauses_separate_attempts_during_an_outage(recorder: Recorder, wrap: Wrap) -> None:
    recorder.answer_with(then=503)
    request(wrap(hello))
    moments = [delivery.at for delivery in recorder.wait_for_deliveries(4)]
    assert all(later - earlier >= 0.05 for earlier, later in itertools.pairwise(moments))


_FLUSHING = """
import moesif, time
from moesifwsgi import MoesifMiddleware
from tests.gateway import hello, request
request(MoesifMiddleware(hello, {}))
moesif.flush(0.1)
deadline = time.monotonic() + 30
while not moesif.flush(0.2):
    assert time.monotonic() < deadline
"""


def test_flush_shortens_a_pause(run_program: RunProgram, recorder: Recorder) -> None:
    # Nine full pauses take over two minutes on average. Each flush ends one of them.
    recorder.answer_with(*[503] * 9)
    ended = run_program(_FLUSHING, to=recorder, EVENT_WORKER_COUNT=1)
    assert ended.code == 0, ended.errors
    assert len(recorder.events) == 1


def test_flush_respects_retry_after(run_program: RunProgram, recorder: Recorder) -> None:
    recorder.answer_with(Answer(503, (("Retry-After", "2"),)))
    ended = run_program(_FLUSHING, to=recorder, EVENT_WORKER_COUNT=1)
    assert ended.code == 0, ended.errors
    first, second = recorder.deliveries
    assert second.at - first.at >= 2


@pytest.mark.parametrize("status", [401, 403, 302])
@pytest.mark.parametrize("workers", [1, 2])
def test_refused_application_id_is_logged_once_and_delivery_pauses(
    run_program: RunProgram, recorder: Recorder, status: int, workers: int
) -> None:
    recorder.answer_with(then=status)
    paths = [f"/{number}" for number in range(20)]
    ended = run_program(
        PROGRAM,
        to=recorder,
        variables={"PATHS": json.dumps(paths), "FLUSH_SECONDS": "2"},
        BATCH_SIZE=1,
        EVENT_WORKER_COUNT=workers,
        FLUSH_TIMEOUT=0,
    )
    assert ended.code == 0, ended.errors
    stats = json.loads(ended.output)
    # Events are kept as long as the process lives.
    assert (stats["settled"], stats["breaker"], stats["dropped"]) == (False, "refused", {})
    assert stats["queued"] + stats["in_flight"] == 20
    # The requests in progress when the first answer came, one attempt of the flush, and one at exit.
    assert len(recorder.deliveries) <= workers + 2, [d.at for d in recorder.deliveries]
    [(name, level, message)] = stats["logged"]
    assert (name, level) == ("moesif.delivery", "ERROR")
    assert str(status) in message
    assert "APPLICATION_ID" in message
    assert recorder.application_id not in message


@pytest.mark.parametrize("status", [401, 403, 302])
def test_events_wait_until_a_refused_application_id_is_accepted(
    run_program: RunProgram, recorder: Recorder, status: int
) -> None:
    recorder.answer_with(status)
    ended = run_program(PROGRAM, to=recorder, variables={"PATHS": '["/0", "/1"]'}, BATCH_SIZE=1)
    assert ended.code == 0, ended.errors
    stats = json.loads(ended.output)
    assert (stats["settled"], stats["sent"], stats["breaker"]) == (True, 2, "closed")
    assert [level for _, level, _ in stats["logged"]] == ["ERROR", "INFO"]


def _row(page: str, status: int) -> str:
    """Return the row of a page about the answers of a collector that is about this status."""
    rows = [line for line in (ROOT / "docs" / page).read_text().splitlines() if line.startswith("| ")]
    heading = {"operations.md": "| The collector | Then", "wire-contract.md": "| Response | Captured events"}[page]
    [start] = [index for index, line in enumerate(rows) if line.startswith(heading)]
    statuses = (rf"\b{status}\b", rf"\b(?<!other ){status // 100}xx\b", rf"other {status // 100}xx\b")
    return next(row for text in statuses for row in rows[start + 1 : start + 8] if re.search(text, row.split(" | ")[0]))


@pytest.mark.parametrize("status", [302, 400, 401, 403, 404, 408, 410, 413, 429, 500, 503])
def test_both_pages_say_whether_a_status_loses_the_event(
    run_program: RunProgram, recorder: Recorder, status: int
) -> None:
    recorder.answer_with(then=status)
    # The flush ends when the event is lost. If it is kept, the flush takes all of its time.
    seconds = "20" if status in {400, 404, 410, 413} else "1"
    variables = {"PATHS": '["/0"]', "FLUSH_SECONDS": seconds}
    ended = run_program(PROGRAM, to=recorder, variables=variables, FLUSH_TIMEOUT=0)
    assert ended.code == 0, ended.errors
    stats = json.loads(ended.output)
    is_lost = stats["dropped"] == {"refused": 1}
    assert (stats["queued"] + stats["in_flight"] == 1) is not is_lost
    for page in ("operations.md", "wire-contract.md"):
        assert ("`refused`" in _row(page, status)) is is_lost, page


def test_collector_that_refuses_every_event_gets_few_of_them(run_program: RunProgram, recorder: Recorder) -> None:
    recorder.answer_with(then=404)
    paths = [f"/{number}" for number in range(100)]
    ended = run_program(
        PROGRAM, to=recorder, variables={"PATHS": json.dumps(paths), "FLUSH_SECONDS": "1"}, FLUSH_TIMEOUT=0
    )
    assert ended.code == 0, ended.errors
    stats = json.loads(ended.output)
    assert (stats["settled"], stats["breaker"]) == (False, "refused")
    assert stats["dropped"]["refused"] <= 10
    assert stats["queued"] + stats["in_flight"] >= 90
    assert len(recorder.deliveries) < 30


@pytest.mark.parametrize("status", [302, 307])
def test_redirect_is_not_followed(
    run_program: RunProgram, recorder: Recorder, another_recorder: Recorder, status: int
) -> None:
    another_recorder.ids.append(recorder.application_id)
    recorder.answer_with(then=Answer(status, (("Location", another_recorder.uri + "/v1/events/batch"),)))
    variables = {"PATHS": '["/0"]', "FLUSH_SECONDS": "1"}
    ended = run_program(PROGRAM, to=recorder, variables=variables, FLUSH_TIMEOUT=0)
    assert ended.code == 0, ended.errors
    assert json.loads(ended.output)["breaker"] == "refused"
    assert (another_recorder.deliveries, another_recorder.fetches) == ([], [])


def test_outage_is_logged_at_its_begin_and_end(
    recorder: Recorder, wrap: Wrap, caplog: pytest.LogCaptureFixture
) -> None:
    recorder.answer_with(503, 503)
    application = wrap(hello, BATCH_SIZE=1)
    with caplog.at_level(logging.INFO, "moesif.delivery"):
        request(application)
        recorder.wait_for(1)
        # Log messages appear on the thread of a request, so send requests until both are there.
        for number in range(2, 200):
            request(application)
            recorder.wait_for(number)
            ours = [record for record in caplog.records if recorder.uri in record.getMessage()]
            if len(ours) >= 2:
                break
    assert [record.levelname for record in ours] == ["WARNING", "INFO"]
    assert "503" in ours[0].getMessage()


def test_too_large_batch_is_split(run_program: RunProgram, recorder: Recorder) -> None:
    recorder.reply = lambda delivery: 413 if len(delivery.json) > 4000 else 201
    paths = [f"/{number}" for number in range(100)]
    ended = run_program(PROGRAM, to=recorder, variables={"PATHS": json.dumps(paths)})
    assert ended.code == 0, ended.errors
    stats = json.loads(ended.output)
    assert (stats["settled"], stats["sent"], stats["dropped"]) == (True, 100, {})
    assert Counter(_paths(recorder)) == Counter(paths)


@pytest.mark.parametrize("status", [400, 413, 422])
def test_only_the_refused_event_of_a_batch_is_dropped(run_program: RunProgram, recorder: Recorder, status: int) -> None:
    def reply(delivery: Delivery) -> Reply:
        return status if b"/poison" in delivery.json else 201

    recorder.reply = reply
    paths = [f"/{number}" for number in range(37)] + ["/poison"] + [f"/{number}" for number in range(37, 90)]
    ended = run_program(PROGRAM, to=recorder, variables={"PATHS": json.dumps(paths)})
    assert ended.code == 0, ended.errors
    stats = json.loads(ended.output)
    assert stats["settled"] is True
    assert stats["sent"] == 90
    assert stats["dropped"] == {"refused": 1}
    assert "If it refuses some, check what your functions add to them" in stats["logged"][0][-1]
    assert Counter(_paths(recorder)) == Counter(path for path in paths if path != "/poison")
    assert [name for name, _, _ in stats["logged"]] == ["moesif.delivery"]


def test_events_that_the_answer_lists_as_rejected_are_counted(run_program: RunProgram, recorder: Recorder) -> None:
    refused = [{"index": number, "field": "request.time", "error": "too old"} for number in (0, 2)]
    recorder.answer_with(Answer(201, (), json.dumps({"rejected": refused}).encode()))
    ended = run_program(PROGRAM, to=recorder, variables={"PATHS": '["/0", "/1", "/2"]'}, EVENT_BATCH_TIMEOUT=60)
    assert ended.code == 0, ended.errors
    stats = json.loads(ended.output)
    assert (stats["sent"], stats["dropped"]) == (1, {"rejected": 2})


def test_other_error_answers_are_not_retried(run_program: RunProgram, recorder: Recorder) -> None:
    recorder.answer_with(then=404)
    ended = run_program(PROGRAM, to=recorder, variables={"PATHS": '["/0", "/1"]'}, EVENT_BATCH_TIMEOUT=60)
    assert ended.code == 0, ended.errors
    stats = json.loads(ended.output)
    assert (stats["settled"], stats["dropped"]) == (True, {"refused": 2})
    assert len(recorder.deliveries) <= 3


def test_events_are_delivered_once_after_an_outage(run_program: RunProgram, recorder: Recorder) -> None:
    recorder.answer_with(*[503] * 6)
    paths = [f"/{number}" for number in range(500)]
    ended = run_program(PROGRAM, to=recorder, variables={"PATHS": json.dumps(paths)}, BATCH_SIZE=20)
    assert ended.code == 0, ended.errors
    assert json.loads(ended.output)["sent"] == 500
    assert Counter(_paths(recorder)) == Counter(paths)
