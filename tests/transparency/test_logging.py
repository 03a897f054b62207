"""Logging belongs to the application (docs/guarantees.md, I-17)."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

from tests.gateway import hello, request

if TYPE_CHECKING:
    import pytest

    from tests.collector import Nowhere
    from tests.conftest import RunProgram, Wrap
    from tests.recorder import Recorder


def test_root_logger_is_not_changed(run_program: RunProgram, recorder: Recorder) -> None:
    ended = run_program(
        """
        import logging
        root = logging.getLogger()
        before = root.level, list(root.handlers), list(root.filters)
        loggers = set(logging.root.manager.loggerDict)
        raise_exceptions, disabled = logging.raiseExceptions, root.manager.disable

        import moesif
        from moesifwsgi import MoesifMiddleware
        from tests.gateway import hello, request

        def failing(*_arguments):
            raise ValueError

        for settings in ({}, {"DEBUG": True}, {"LOCAL_DEBUG": True}, {"UNKNOWN": 1}, {"SKIP": failing}):
            request(MoesifMiddleware(hello, settings))
        assert moesif.flush(20)
        assert (root.level, list(root.handlers), list(root.filters)) == before
        assert (logging.raiseExceptions, root.manager.disable) == (raise_exceptions, disabled)
        ours = {name for name in logging.root.manager.loggerDict if name.startswith("moesif")}
        assert ours
        assert set(logging.root.manager.loggerDict) - loggers == ours
        """,
        to=recorder,
    )
    assert ended.code == 0, ended.errors


def test_debug_logs_to_stderr_only_without_other_handlers(run_program: RunProgram, recorder: Recorder) -> None:
    program = """
        import logging, sys
        {setup}
        from moesifwsgi import MoesifMiddleware
        from tests.gateway import hello
        for _ in range(2):
            MoesifMiddleware(hello, {{"DEBUG": {debug}}})
        logger = logging.getLogger("moesif")
        print(logger.level, len(logger.handlers))
        logging.getLogger("moesif.delivery").debug("a message for developers")
        """

    def run(setup: str, debug: bool) -> tuple[list[str], int]:  # noqa: FBT001
        ended = run_program(program.format(setup=setup, debug=debug), to=recorder)
        assert ended.code == 0, ended.errors
        return ended.output.split(), ended.errors.count("a message for developers")

    assert run("pass", debug=True) == (["10", "1"], 1)
    assert run("logging.basicConfig()", debug=True) == (["10", "0"], 1)
    assert run("logging.getLogger('moesif').addHandler(logging.NullHandler())", debug=True) == (
        ["10", "1"],
        0,
    )
    assert run("pass", debug=False) == (["0", "0"], 0)


def test_debug_says_which_calls_the_full_queue_drops(run_program: RunProgram, nowhere: Nowhere) -> None:
    ended = run_program(
        """
        import logging, sys
        import moesif
        from moesifwsgi import MoesifMiddleware
        from tests.gateway import hello, make_environ, request
        logging.basicConfig(level=logging.DEBUG, stream=sys.stdout, format="%(message)s")
        application = MoesifMiddleware(hello, {"DEBUG": True})
        for path in ("/first", "/second", "/third"):
            request(application, make_environ(path=path))
        moesif.flush(0)
        print("dropped:", moesif.stats()["dropped"]["queue_full"])
        """,
        to=nowhere,
        EVENT_QUEUE_SIZE=1,
        EVENT_BATCH_TIMEOUT=30,
        FLUSH_TIMEOUT=0,
    )
    assert ended.code == 0, ended.errors
    lines = ended.output.splitlines()
    assert "GET http://api.example.com/first, 200: recorded" in lines
    for path in ("second", "third"):
        assert f"GET http://api.example.com/{path}, 200: dropped (queue_full)" in lines
    assert "dropped: 2" in lines


def test_nothing_is_printed_by_default(run_program: RunProgram, recorder: Recorder) -> None:
    ended = run_program(
        """
        from moesifwsgi import MoesifMiddleware
        from tests.gateway import hello, request
        request(MoesifMiddleware(hello, {}))
        """,
        to=recorder,
    )
    assert (ended.code, ended.output, ended.errors) == (0, "", "")
    assert len(recorder.events) == 1


def test_unknown_option_is_reported_with_nearest_name(
    wrap: Wrap, caplog: pytest.LogCaptureFixture, recorder: Recorder
) -> None:
    with caplog.at_level(logging.WARNING):
        application = wrap(hello, BATCH_SZIE=5, debug=True, SOMETHING_ELSE=1)
    messages = [record.getMessage() for record in caplog.records]
    assert {record.name for record in caplog.records} == {"moesif.settings"}
    assert len(messages) == 3
    assert "BATCH_SZIE" in messages[0]
    assert "BATCH_SIZE" in messages[0]
    assert "DEBUG" in messages[1]
    assert "SOMETHING_ELSE" in messages[2]
    assert "did you mean" not in messages[2]
    # The option is ignored, not refused.
    answer = request(application)
    assert answer.body == b"hello"
    assert answer.header("X-Moesif-Wsgi-Pid") == []
    recorder.wait_for(1)


def test_raising_log_handler_does_not_affect_application(run_program: RunProgram, nowhere: Nowhere) -> None:
    ended = run_program(
        """
        import logging
        class Broken(logging.Handler):
            def emit(self, record):
                raise RuntimeError("logging is broken")
        logging.getLogger().addHandler(Broken())

        from moesifwsgi import MoesifMiddleware
        from tests.gateway import hello, request
        def failing(*_arguments):
            raise ValueError
        application = MoesifMiddleware(hello, {"BATCH_SZIE": 1, "SKIP": failing})
        assert request(application).body == b"hello"
        """,
        to=nowhere,
        FLUSH_TIMEOUT=0.3,
    )
    assert (ended.code, ended.errors) == (0, "")


def test_messages_of_workers_are_logged_on_application_threads(
    recorder: Recorder, wrap: Wrap, caplog: pytest.LogCaptureFixture
) -> None:
    recorder.answer_with(401)
    application = wrap(hello)
    request(application)
    recorder.wait_for_deliveries(1)

    def logged() -> list[logging.LogRecord]:
        messages = [record for record in caplog.records if record.name == "moesif.delivery"]
        # Other tests in this process may log about their own collectors, or at DEBUG.
        warnings = [record for record in messages if record.levelno >= logging.WARNING]
        return [record for record in warnings if recorder.uri in record.getMessage()]

    # The worker reads the response some time after the recorder sent it. Any number of requests may pass meanwhile.
    deadline = time.monotonic() + 30
    while not logged() and time.monotonic() < deadline:
        request(application)
        time.sleep(0.001)
    assert [record.threadName for record in logged()] == ["MainThread"]
