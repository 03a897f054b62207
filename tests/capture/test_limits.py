"""Limits of ids, metadata and memory (docs/guarantees.md, I-14, I-15, I-28)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.gateway import Environ, hello, make_environ, request
from tests.recorder import Answer

if TYPE_CHECKING:
    from tests.conftest import RunProgram, Wrap
    from tests.recorder import Recorder


@pytest.mark.parametrize(
    ("option", "field", "longest"),
    [
        ("IDENTIFY_USER", "user_id", 1024),
        ("IDENTIFY_COMPANY", "company_id", 1024),
        ("GET_SESSION_TOKEN", "session_token", 4096),
    ],
)
def test_too_long_id_is_not_recorded(recorder: Recorder, wrap: Wrap, option: str, field: str, longest: int) -> None:
    for length in (longest, longest + 1):
        request(wrap(hello, **{option: lambda *_arguments, length=length: "x" * length}))
    events = recorder.wait_for(2)
    assert sorted(len(event.get(field) or "") for event in events) == [0, longest]


@pytest.mark.parametrize(
    "metadata",
    [{"a": b"x" * 20_000_000}, {"a": "\x00" * 450_000}, {"a": ["x" * 1000] * 1000}, {"a": "x" * 461_000}],
    ids=["bytes", "characters that are escaped", "many values", "one value"],
)
def test_too_long_metadata_is_not_recorded(recorder: Recorder, wrap: Wrap, metadata: dict[str, Any]) -> None:
    request(wrap(hello, GET_METADATA=lambda _app, _environ: metadata))
    [event] = recorder.wait_for(1)
    assert "metadata" not in event
    assert len(recorder.accepted[0].json) < 10_000


@pytest.mark.parametrize("stack", [64 * 1024])
def test_nested_data_works_on_threads_with_a_small_stack(
    run_program: RunProgram, recorder: Recorder, stack: int
) -> None:
    ended = run_program(
        f"""
        import io, threading
        import moesif
        from moesifwsgi import MoesifMiddleware
        from tests.gateway import hello, make_environ, request
        nested = []
        for _ in range(5000):
            nested = [nested]
        def application(environ, start_response):
            environ["wsgi.input"].read()
            return hello(environ, start_response)
        functions = {{"GET_METADATA": lambda app, environ: {{"n": nested}}, "MASK_EVENT_MODEL": lambda event: event}}
        wrapped = MoesifMiddleware(application, functions)
        moesif.flush(0)
        body = b"[" * 90 + b"]" * 90
        request(wrapped, make_environ("POST", "/", body))
        threading.stack_size({stack})
        thread = threading.Thread(target=request, args=(wrapped, make_environ("POST", "/", body)))
        thread.start()
        thread.join()
        assert moesif.flush(10)
        """,
        to=recorder,
    )
    assert ended.code == 0, ended.errors
    assert len(recorder.events) == 2


def test_open_streams_stay_within_the_budget(run_program: RunProgram, recorder: Recorder) -> None:
    ended = run_program(
        """
        import moesif
        from moesifwsgi import MoesifMiddleware
        from tests.gateway import make_environ
        def application(environ, start_response):
            start_response("200 OK", [])
            for _ in range(50):
                yield bytes(10_000)
        wrapped = MoesifMiddleware(application, {})
        environs, streams = [], []
        for _ in range(100):
            environs.append(make_environ())
            streams.append(wrapped(environs[-1], lambda *_: None))
            list(streams[-1])
        kept = sum(len(chunk) for environ in environs for chunk in environ["moesif.response_body_chunks"])
        assert kept <= 1 << 20, kept
        assert moesif.stats()["queue_bytes"] <= 1 << 20
        for stream in streams:
            stream.close()
        assert moesif.flush(20)
        assert moesif.stats()["sent"] == 100, moesif.stats()
        assert moesif.stats()["bodies_removed"] > 50
        """,
        to=recorder,
        EVENT_QUEUE_BYTES=1 << 20,
    )
    assert ended.code == 0, ended.errors


def test_flush_returns_under_traffic(run_program: RunProgram, recorder: Recorder) -> None:
    recorder.answer_with(then=Answer(delay=0.2))
    ended = run_program(
        """
        import threading, time
        import moesif
        from moesifwsgi import MoesifMiddleware
        from tests.gateway import hello, request
        application = MoesifMiddleware(hello, {})
        ended = threading.Event()
        def traffic():
            while not ended.wait(0.005):
                request(application)
        thread = threading.Thread(target=traffic)
        thread.start()
        time.sleep(0.3)
        settled = moesif.flush(30)
        ended.set()
        thread.join()
        assert settled
        """,
        to=recorder,
    )
    assert ended.code == 0, ended.errors
    # Events are still sent in batches while a flush waits.
    assert len(recorder.deliveries) < len(recorder.events) / 3


@pytest.mark.parametrize("options", [{}, {"DEBUG": True, "LOG_BODY": False, "API_VERSION": "1.0"}], ids=str)
def test_attributes_show_what_the_middleware_was_made_with(wrap: Wrap, options: dict[str, Any]) -> None:
    middleware = wrap(hello, **options)
    shown = (middleware.DEBUG, middleware.LOG_BODY, middleware.api_version)
    assert shown == (options.get("DEBUG", False), options.get("LOG_BODY", True), options.get("API_VERSION"))
    assert middleware.settings is not None
    assert options.items() <= middleware.settings.items()


def test_subclasses_may_keep_attributes_of_their_own(recorder: Recorder, wrap: Wrap) -> None:
    base = type(wrap(hello))

    class Subclass(base):  # type: ignore[misc, valid-type]
        def __init__(self, app: Any) -> None:
            super().__init__(app, {"APPLICATION_ID": recorder.application_id, "BASE_URI": recorder.uri})
            self.app = app
            self.extra = 1

        def __call__(self, environ: Environ, start_response: Any) -> Any:
            return super().__call__(environ, start_response)

    application = Subclass(hello)
    assert (application.app, application.extra, application.DEBUG, application.LOG_BODY) == (hello, 1, False, True)
    assert request(application, make_environ()).body == b"hello"
    assert len(recorder.wait_for(1)) == 1
