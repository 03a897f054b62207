"""Exceptions of the application propagate, and exceptions of its functions do no harm (docs/guarantees.md, I-19)."""

from __future__ import annotations

import functools
import logging
import signal
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import moesif
from tests.gateway import Environ, Gateway, hello, make_environ, request
from tests.interruption import HANDLERS, TOO_LATE, handling, interrupt

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.conftest import Wrap
    from tests.recorder import Recorder

FUNCTIONS = ["SKIP", "IDENTIFY_USER", "IDENTIFY_COMPANY", "GET_METADATA", "GET_SESSION_TOKEN"]


@pytest.mark.parametrize(
    "failure",
    [ValueError("app"), SystemExit(3), KeyboardInterrupt(), GeneratorExit(), StopIteration()],
    ids=repr,
)
def test_the_same_exception_object_propagates(recorder: Recorder, wrap: Wrap, failure: BaseException) -> None:
    def application(_environ: Environ, _start_response: Any) -> list[bytes]:
        raise failure

    with pytest.raises(type(failure)) as raised:
        request(wrap(application), make_environ("PUT", "/fails"))
    assert raised.value is failure
    assert failure.__cause__ is None
    assert failure.__context__ is None
    assert traceback.extract_tb(failure.__traceback__)[-1].name == "application"
    [event] = recorder.wait_for(1)
    assert event["request"]["verb"] == "PUT"
    assert event["response"]["status"] == 500


def test_exception_after_start_response_is_recorded_with_its_headers(recorder: Recorder, wrap: Wrap) -> None:
    def application(_environ: Environ, start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", [("X-Announced", "1")])
        yield b"part"
        raise LookupError

    gateway = Gateway()
    with pytest.raises(LookupError):
        gateway.run(wrap(application), make_environ())
    assert gateway.body == b"part"
    [event] = recorder.wait_for(1)
    assert event["response"]["status"] == 500
    assert event["response"]["headers"]["X-Announced"] == "1"
    assert event["response"]["content_length"] == 4


@pytest.mark.parametrize("option", FUNCTIONS)
def test_failing_function_loses_only_its_result(
    recorder: Recorder, wrap: Wrap, caplog: pytest.LogCaptureFixture, option: str
) -> None:
    def failing(*_arguments: object) -> object:
        message = "a mistake in the function"
        raise ValueError(message)

    results: dict[str, Any] = {
        "SKIP": lambda _app, _environ: False,
        "IDENTIFY_USER": lambda _app, _environ, _headers: "user",
        "IDENTIFY_COMPANY": lambda _app, _environ, _headers: "company",
        "GET_METADATA": lambda _app, _environ: {"a": 1},
        "GET_SESSION_TOKEN": lambda _app, _environ: "token",
    }
    application = wrap(hello, **results | {option: failing})
    before = moesif.stats()["callback_failures"]
    with caplog.at_level(logging.WARNING, "moesif.callbacks"):
        for _ in range(3):
            answer = request(application)
            assert (answer.status, answer.body) == ("200 OK", b"hello")
    assert moesif.stats()["callback_failures"] == before + 3
    # Logged once, with the traceback.
    [record] = [record for record in caplog.records if record.name == "moesif.callbacks"]
    assert record.name == "moesif.callbacks"
    assert option in record.getMessage()
    assert record.exc_info
    assert "a mistake in the function" in str(record.exc_info[1])
    assert record.exc_info[2]
    assert Path(__file__).name in str(traceback.extract_tb(record.exc_info[2])[-1])
    events = recorder.wait_for(3)
    assert len(events) == 3
    fields = {
        "IDENTIFY_USER": ("user_id", "user"),
        "IDENTIFY_COMPANY": ("company_id", "company"),
        "GET_METADATA": ("metadata", {"a": 1}),
        "GET_SESSION_TOKEN": ("session_token", "token"),
    }
    for event in events:
        for name, (field, result) in fields.items():
            assert event.get(field) == (None if name == option else result)


@pytest.mark.parametrize("option", FUNCTIONS)
@pytest.mark.parametrize("shape", ["list", "generator"])
def test_system_exit_in_function_propagates_and_event_is_kept(
    recorder: Recorder, wrap: Wrap, option: str, shape: str
) -> None:
    leaving = SystemExit(4)

    def function(*_arguments: object) -> object:
        raise leaving

    def generator(environ: Environ, start_response: Any) -> Iterator[bytes]:
        yield from hello(environ, start_response)

    application = wrap(hello if shape == "list" else generator, **{option: function})
    with pytest.raises(SystemExit) as raised:
        request(application)
    assert raised.value is leaving
    assert recorder.wait_for(1)[0]["response"]["status"] == 200


@pytest.mark.parametrize("option", FUNCTIONS)
@pytest.mark.parametrize("handler", HANDLERS)
def test_time_limit_that_a_signal_raises_in_a_function_propagates_and_event_is_kept(
    recorder: Recorder, wrap: Wrap, option: str, handler: str
) -> None:
    application = wrap(hello, **{option: lambda *_arguments: signal.raise_signal(signal.SIGUSR1)})
    with handling(HANDLERS[handler]), pytest.raises(TimeoutError, match=TOO_LATE):
        request(application)
    assert recorder.wait_for(1)[0]["response"]["status"] == 200


def test_time_limit_of_a_handler_that_is_not_set_any_more_propagates(wrap: Wrap) -> None:
    with pytest.raises(TimeoutError, match=TOO_LATE):
        request(wrap(hello, IDENTIFY_USER=lambda *_arguments: interrupt()))


def test_failure_in_a_decorator_that_a_signal_handler_has_too_is_the_functions_own(wrap: Wrap) -> None:
    def logged(function: Callable[..., object]) -> Callable[..., object]:
        @functools.wraps(function)
        def wrapper(*arguments: object) -> object:
            return function(*arguments)

        return wrapper

    @logged
    def fails(*_arguments: object) -> object:
        raise TimeoutError

    with handling(logged(lambda *_arguments: None)):
        assert request(wrap(hello, IDENTIFY_USER=fails)).status == "200 OK"


def _reload(*_arguments: object) -> None:
    raise KeyError


def _reload_with_defaults(number: int | None = None, frame: object = None) -> None:
    raise KeyError((number, frame))


def _reload_and_keep_nothing(number: int | None = None, frame: object = None) -> None:
    reason = (number, frame)
    del frame
    raise KeyError(reason)


class _Users:
    def reload(self, *arguments: object, because: str = "") -> None:
        raise KeyError(arguments, because)


@pytest.mark.parametrize("handler", [_reload, _reload_with_defaults, _reload_and_keep_nothing, _Users().reload])
@pytest.mark.parametrize("arguments", [(), (None, None), ("users", "now")])
def test_failure_of_a_signal_handler_that_a_function_calls_is_the_functions_own(
    wrap: Wrap, handler: Callable[..., None], arguments: tuple[object, ...]
) -> None:
    with handling(handler):
        application = wrap(hello, IDENTIFY_USER=lambda *_arguments: handler(*arguments))
        assert request(application).status == "200 OK"
        # The same handler, called by the signal.
        application = wrap(hello, IDENTIFY_USER=lambda *_arguments: signal.raise_signal(signal.SIGUSR1))
        with pytest.raises(KeyError):
            request(application)


def test_failure_in_a_decorator_without_wraps_that_a_signal_handler_has_too_is_the_functions_own(wrap: Wrap) -> None:
    def logged(function: Callable[..., object]) -> Callable[..., object]:
        def wrapper(*arguments: object, **named: object) -> object:
            return function(*arguments, **named)

        return wrapper

    @logged
    def fails(*_arguments: object) -> object:
        raise KeyError

    with handling(logged(lambda *_arguments: None)):
        assert request(wrap(hello, IDENTIFY_USER=fails)).status == "200 OK"


@pytest.mark.parametrize("option", FUNCTIONS)
def test_timeout_that_a_function_raises_or_handles_is_its_own_failure(
    recorder: Recorder, wrap: Wrap, option: str
) -> None:
    def fails(*_arguments: object) -> object:
        try:
            interrupt()
        except TimeoutError as error:
            message = "the database is too slow"
            raise TimeoutError(message) from error
        return None

    assert request(wrap(hello, **{option: fails})).status == "200 OK"
    assert recorder.wait_for(1)[0]["response"]["status"] == 200


@pytest.mark.parametrize("option", FUNCTIONS)
@pytest.mark.parametrize("value", [5, "text", b"bytes", [1], object(), 0, "", None, float("nan")], ids=repr)
def test_any_result_of_a_function_is_handled(recorder: Recorder, wrap: Wrap, option: str, value: object) -> None:
    assert request(wrap(hello, **{option: lambda *_arguments: value})).body == b"hello"
    if not (option == "SKIP" and value):
        assert len(recorder.wait_for(1)) == 1


def test_result_with_raising_methods_is_handled(recorder: Recorder, wrap: Wrap) -> None:
    class Hostile:
        def __bool__(self) -> bool:
            raise ValueError

        def __str__(self) -> str:
            raise ValueError

    for option in FUNCTIONS:
        assert request(wrap(hello, **{option: lambda *_arguments: Hostile()})).body == b"hello"
    assert len(recorder.wait_for(len(FUNCTIONS))) == len(FUNCTIONS)


def test_functions_are_called_after_application_raised(recorder: Recorder, wrap: Wrap) -> None:
    def application(_environ: Environ, _start_response: Any) -> list[bytes]:
        raise ValueError

    middleware = wrap(application, IDENTIFY_USER=lambda _app, _environ, headers: f"user {headers}")
    with pytest.raises(ValueError):  # noqa: PT011 - raised by the application above
        request(middleware)
    assert recorder.wait_for(1)[0]["user_id"] == "user {}"


@pytest.mark.parametrize("answer", [None, 5, "text"], ids=repr)
def test_application_that_answers_any_attribute_is_served(recorder: Recorder, wrap: Wrap, answer: object) -> None:
    class Proxy:
        def __getattr__(self, _name: str) -> Any:
            return answer

        def __call__(self, environ: Environ, start_response: Any) -> Any:
            return hello(environ, start_response)

    assert request(wrap(Proxy())).body == b"hello"
    assert len(recorder.wait_for(1)) == 1


def test_application_whose_attributes_raise_is_served(recorder: Recorder, wrap: Wrap) -> None:
    class Unbound:
        def __getattr__(self, name: str) -> Any:
            message = f"working outside of a context: {name}"
            raise RuntimeError(message)

        def __call__(self, environ: Environ, start_response: Any) -> Any:
            return hello(environ, start_response)

    assert request(wrap(Unbound())).body == b"hello"
    assert len(recorder.wait_for(1)) == 1
