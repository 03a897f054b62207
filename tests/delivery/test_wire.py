"""Requests to a collector (docs/wire-contract.md)."""

from __future__ import annotations

import gzip
from typing import TYPE_CHECKING

import pytest

import moesif
from tests.gateway import hello, request
from tests.recorder import Answer

if TYPE_CHECKING:
    from tests.collector import Collector
    from tests.conftest import RunProgram, Wrap
    from tests.recorder import Recorder


def test_headers_of_a_batch(recorder: Recorder, wrap: Wrap) -> None:
    request(wrap(hello))
    recorder.wait_for(1)
    [delivery] = recorder.deliveries
    assert delivery.path == "/v1/events/batch"
    headers = delivery.headers
    assert headers["User-Agent"] == f"moesif-rs/{moesif.__version__} (moesifwsgi)"
    assert headers.get_all("X-Moesif-Application-Id") == [recorder.application_id]
    assert headers["Content-Type"] == "application/json; charset=utf-8"
    assert headers["Content-Encoding"] == "gzip"
    assert headers["Host"] == recorder.uri.removeprefix("http://")
    assert headers["Content-Length"] == str(len(delivery.body))
    assert gzip.decompress(delivery.body).startswith(b"[{")


def test_connection_is_reused(recorder: Recorder, wrap: Wrap) -> None:
    application = wrap(hello, BATCH_SIZE=1, EVENT_WORKER_COUNT=1)
    for number in range(20):
        request(application)
        recorder.wait_for(number + 1)
    assert len({delivery.connection for delivery in recorder.deliveries}) == 1


def test_closed_connection_is_replaced(recorder: Recorder, wrap: Wrap) -> None:
    recorder.answer_with(then=Answer(headers=(("Connection", "close"),)))
    application = wrap(hello, BATCH_SIZE=1, EVENT_WORKER_COUNT=1)
    for number in range(5):
        request(application)
        recorder.wait_for(number + 1)
    assert len({delivery.connection for delivery in recorder.deliveries}) == 5
    assert len(recorder.events) == 5


def test_long_and_malformed_answers_do_no_harm(recorder: Recorder, wrap: Wrap) -> None:
    recorder.answer_with(
        Answer(body=b""),
        Answer(body=b"\xff not JSON"),
        Answer(body=b"[" * 100_000),
        Answer(body=b"x" * 3_000_000),
        Answer(200, (("X-Moesif-Config-ETag", "a"),), b'{"rejected": 5}'),
        Answer(202),
    )
    application = wrap(hello, BATCH_SIZE=1, EVENT_WORKER_COUNT=1)
    for number in range(6):
        request(application)
        recorder.wait_for(number + 1)
    assert len(recorder.deliveries) == 6


@pytest.mark.parametrize("excluded", ["", "collector.invalid", "*"])
def test_proxy_of_the_environment_is_used_unless_no_proxy_matches(
    run_program: RunProgram, recorder: Recorder, excluded: str
) -> None:
    ended = run_program(
        """
        from moesifwsgi import MoesifMiddleware
        from tests.gateway import hello, request
        request(MoesifMiddleware(hello, {"BASE_URI": "http://collector.invalid/prefix"}))
        """,
        to=recorder,
        variables={
            "HTTP_PROXY": recorder.uri,
            "http_proxy": recorder.uri,
            "NO_PROXY": excluded,
            "no_proxy": excluded,
        },
        FLUSH_TIMEOUT=0.5 if excluded else 10,
    )
    assert ended.code == 0, ended.errors
    hosts = [delivery.headers["Host"] for delivery in recorder.deliveries]
    assert hosts == ([] if excluded else ["collector.invalid"])
    assert bool(recorder.tunnels) <= (not excluded)


def test_collector_stores_every_event_of_many_batches(run_program: RunProgram, collector: Collector) -> None:
    ended = run_program(
        """
        import moesif
        from moesifwsgi import MoesifMiddleware
        from tests.gateway import hello, make_environ, request
        application = MoesifMiddleware(hello, {})
        for number in range(1234):
            request(application, make_environ(path=f"/{number}"))
        assert moesif.flush(20)
        stats = moesif.stats()
        assert (stats["captured"], stats["sent"], dict(stats["dropped"])) == (1234, 1234, {}), stats
        """,
        to=collector,
        BATCH_SIZE=50,
    )
    assert ended.code == 0, ended.errors
    rows = collector.events()
    assert len(rows) == 1234
    assert {row["uri"] for row in rows} == {f"http://api.example.com/{number}" for number in range(1234)}
