"""Remote configuration is fetched in the background, and stays if a fetch fails (docs/guarantees.md, I-2)."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.gateway import hello, make_environ, request
from tests.governance.rules import rule
from tests.recorder import Answer, Fault
from tests.remote.config import Config, sampled_out, wait_until

if TYPE_CHECKING:
    from pathlib import Path

    from tests.collector import Collector
    from tests.conftest import RunProgram, Wrap
    from tests.recorder import Recorder, Reply


def _tags(config: str, rules: str = "r") -> tuple[tuple[str, str], ...]:
    return (("X-Moesif-Config-ETag", config), ("X-Moesif-Rules-Tag", rules))


def test_first_request_fetches_even_if_no_event_is_sent(recorder: Recorder, wrap: Wrap) -> None:
    application = wrap(hello, SKIP=lambda *_arguments: True)
    assert recorder.fetches == []
    request(application)
    recorder.wait_for_fetches(1)
    assert recorder.fetches == ["/v1/config", "/v1/rules"]
    assert recorder.deliveries == []


def test_creating_a_middleware_fetches_nothing(recorder: Recorder, run_program: RunProgram) -> None:
    ended = run_program(
        """
        from moesifwsgi import MoesifMiddleware
        from tests.gateway import hello
        import threading
        MoesifMiddleware(hello, {})
        """,
        to=recorder,
    )
    assert (ended.code, ended.errors, recorder.fetches) == (0, "", [])


@pytest.mark.parametrize("changed", ["config", "rules"])
def test_new_version_in_an_answer_is_fetched(recorder: Recorder, wrap: Wrap, changed: str) -> None:
    first, second = Config("1"), Config("2")
    recorder.config = first.answer
    recorder.rules = Answer(200, (("X-Moesif-Rules-Tag", "r"),), b"[]")
    recorder.reply = lambda _delivery: Answer(201, _tags("1"))
    application = wrap(hello)
    first.await_in(application)
    recorder.wait_for(1)
    recorder.config = Answer(200, (("X-Moesif-Config-ETag", "2" if changed == "config" else "1"),), second.json)
    shown = _tags("2") if changed == "config" else _tags("1", "s")
    recorder.reply = lambda _delivery: Answer(201, shown)
    request(application)
    second.await_in(application)


def test_alternating_versions_are_not_fetched_each_time(recorder: Recorder, wrap: Wrap) -> None:
    config = Config("1")
    recorder.config = config.answer
    shown = iter("12" * 1000)
    recorder.reply = lambda _delivery: Answer(201, (("X-Moesif-Config-ETag", next(shown)),))
    application = wrap(hello, BATCH_SIZE=1)
    config.await_in(application)

    def fetched_again() -> bool:
        request(application)
        return recorder.fetches.count("/v1/rules") >= 2

    wait_until(fetched_again, "the second version asks for a fetch")
    delivered = len(recorder.accepted)
    for _ in range(100):
        request(application)
    recorder.wait_for(delivered + 100)
    assert recorder.fetches.count("/v1/config") == 2


@pytest.mark.parametrize("failure", [500, 401, Fault.RESET, Fault.GARBAGE, Answer(200, body=b"no JSON")], ids=str)
def test_loaded_configuration_stays_if_a_fetch_fails(recorder: Recorder, wrap: Wrap, failure: Reply) -> None:
    config = Config("1")
    recorder.config = config.answer
    application = wrap(hello)
    config.await_in(application)
    recorder.wait_for_fetches(1)
    recorder.config = failure
    recorder.reply = lambda _delivery: Answer(201, _tags("2"))
    request(application)
    recorder.wait_for_fetches(2, "/v1/config")
    # The third fetch begins after the failed one was handled.
    recorder.wait_for_fetches(3, "/v1/config")
    assert config.is_in_force(application)
    assert not sampled_out(application)


def test_rules_are_in_force_only_with_their_cohorts(recorder: Recorder, wrap: Wrap) -> None:
    before, after = Config("1"), Config("2", user_rules={"ann": [{"rules": "r"}]})
    recorder.config, recorder.rules = before.answer, Answer(200, (("X-Moesif-Rules-Tag", "r"),), b"[]")
    application = wrap(hello, IDENTIFY_USER=lambda _app, environ, _headers: environ["HTTP_X_USER"])

    def status(user: str) -> str:
        return request(application, make_environ(HTTP_X_USER=user)).status[:3]

    wait_until(lambda: status("ann") == "200" and sampled_out(application, before.probe, HTTP_X_USER="ann"), "loaded")
    # A rule for users outside of a cohort. It can be fetched, but the cohorts cannot.
    blocking = [rule("user", applied_to="not_matching")]
    recorder.config, recorder.rules = 503, Answer(200, (("X-Moesif-Rules-Tag", "s"),), json.dumps(blocking).encode())
    recorder.reply = lambda _delivery: Answer(201, _tags("2", "s"))
    fetched = recorder.fetches.count("/v1/rules")
    wait_until(
        lambda: status("ann") == "200" and recorder.fetches.count("/v1/rules") > fetched + 1, "the rule is fetched"
    )
    assert status("ann") == "200"
    recorder.config = after.answer
    wait_until(lambda: status("bob") == "402", "the rule is in force")
    assert status("ann") == "200"
    # An unreadable cohort could be the one of the rule, so the rule does not apply to its user.
    unreadable = Config("3", user_rules={"ann": [{"rule": "r"}]})
    recorder.config = unreadable.answer
    recorder.reply = lambda _delivery: Answer(201, _tags("3", "s"))
    wait_until(lambda: sampled_out(application, unreadable.probe, HTTP_X_USER="ann"), "it is loaded")
    assert (status("ann"), status("bob")) == ("200", "402")


def test_failed_fetch_is_retried(recorder: Recorder, wrap: Wrap) -> None:
    config = Config()
    recorder.config = 503
    application = wrap(hello)
    request(application)
    recorder.wait_for_fetches(1, "/v1/config")
    recorder.config = config.answer
    config.await_in(application)


def test_hanging_fetch_does_not_delay_events(recorder: Recorder, wrap: Wrap) -> None:
    recorder.config = Fault.HANG
    application = wrap(hello)
    for _ in range(5):
        request(application)
    assert len(recorder.wait_for(5)) == 5
    assert recorder.fetches == ["/v1/config"]


def test_only_the_invalid_part_is_ignored_and_it_is_logged(
    recorder: Recorder, wrap: Wrap, caplog: pytest.LogCaptureFixture
) -> None:
    config = Config(sample_rate="many", user_sample_rate={"a": -1}, company_sample_rate=[])
    recorder.config = config.answer
    application = wrap(hello)
    config.await_in(application)

    def reported() -> list[str]:
        request(application)
        return [record.getMessage() for record in caplog.records if "sample_rate" in record.getMessage()]

    wait_until(lambda: len(reported()) >= 3, "three parts are named")
    assert "user_sample_rate.a is -1, expected a number from 0 to 100" in "\n".join(reported())
    assert not sampled_out(application)


@pytest.mark.parametrize(
    "document",
    [
        b"",
        b"[]",
        b"null",
        b"7",
        b"{",
        b'{"regex_config": {}}',
        b'{"sample_rate": {}}',
        b'{"user_rules": [[]]}',
        b'{"regex_config": ' + b"[" * 5000 + b"]" * 5000 + b"}",
        b"\xff\xfe",
        b'{"sample_rate": 1e999}',
    ],
)
def test_no_document_changes_a_response(recorder: Recorder, wrap: Wrap, document: bytes) -> None:
    recorder.config = Answer(200, body=document)
    recorder.rules = Answer(200, body=document)
    application = wrap(hello)
    request(application)
    recorder.wait_for_fetches(1)
    for _ in range(20):
        answer = request(application)
        assert (answer.status, answer.body) == ("200 OK", b"hello")
    assert len(recorder.wait_for(21)) == 21


def test_change_reaches_a_running_application(collector: Collector, tmp_path: Path, wrap: Wrap) -> None:
    data = tmp_path / "data"
    first, second = Config(), Config(sample_rate=0)
    (data / "config.json").write_bytes(first.json)
    application: Any = wrap(hello, collector)
    first.await_in(application)
    (data / "config.json").write_text(json.dumps(second.document))
    second.await_in(application)
    assert sampled_out(application)
