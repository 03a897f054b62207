"""Functions of the settings: their arguments, and the keys of ``environ`` that are made for them."""

from __future__ import annotations

import base64
import io
import json
import logging
from typing import TYPE_CHECKING, Any

import pytest

from tests.gateway import Environ, hello, make_environ, request

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.conftest import Wrap
    from tests.recorder import Recorder


def test_functions_are_called_once_with_the_documented_arguments(recorder: Recorder, wrap: Wrap) -> None:
    calls: list[tuple[Any, ...]] = []

    def named(name: str, result: object) -> Callable[..., object]:
        def function(*arguments: object, **keywords: object) -> object:
            calls.append((name, *arguments, keywords))
            return result

        return function

    def application(_environ: Environ, start_response: Any) -> list[bytes]:
        start_response("200 OK", [("X-A", "1"), ("Set-Cookie", "a=1"), ("Set-Cookie", "b=2")])
        return [b"x"]

    environ = make_environ()
    request(
        wrap(
            application,
            SKIP=named("skip", result=False),
            IDENTIFY_USER=named("user", "u"),
            IDENTIFY_COMPANY=named("company", "c"),
            GET_METADATA=named("metadata", {"m": 1}),
            GET_SESSION_TOKEN=named("token", "t"),
        ),
        environ,
    )
    assert sorted(call[0] for call in calls) == ["company", "metadata", "skip", "token", "user"]
    for name, app, given, *rest in calls:
        assert app is application
        assert given is environ
        if name in ("user", "company"):
            headers, keywords = rest
            assert headers["X-A"] == "1"
            assert headers["Set-Cookie"] == "a=1, b=2"
            assert headers["X-Moesif-Transaction-Id"]
        else:
            [keywords] = rest
        assert keywords == {}
    [event] = recorder.wait_for(1)
    assert event["user_id"] == "u"
    assert event["company_id"] == "c"
    assert event["metadata"] == {"m": 1}
    assert event["session_token"] == "t"


def _with_default(app: object, environ: Environ, response_headers: Any = dict()) -> str:  # noqa: B006, C408 - as documented
    del app, environ
    return str(response_headers["Content-Type"])


class Method:
    """Bound methods and callable objects as functions."""

    def identify(self, app: object, environ: Environ, response_headers: dict[str, str]) -> str:
        del app, environ
        return response_headers["Content-Type"]

    def __call__(self, app: object, environ: Environ) -> str:
        del app, environ
        return "two parameters"


@pytest.mark.parametrize(
    ("function", "result"),
    [
        (lambda _app, _environ, headers: headers["Content-Type"], "text/plain"),
        (lambda _app, _environ: "two", "two"),
        (_with_default, "text/plain"),
        (lambda *arguments: len(arguments), "3"),
        (lambda _app, *rest: len(rest), "2"),
        (lambda _app, _environ, *, keyword="k": keyword, "k"),
        (Method().identify, "text/plain"),
        (Method(), "two parameters"),
    ],
)
@pytest.mark.parametrize("option", ["IDENTIFY_USER", "IDENTIFY_COMPANY"])
def test_identify_functions_may_take_two_or_three_parameters(
    recorder: Recorder, wrap: Wrap, option: str, function: Callable[..., object], result: str
) -> None:
    request(wrap(hello, **{option: function}))
    field = {"IDENTIFY_USER": "user_id", "IDENTIFY_COMPANY": "company_id"}[option]
    assert recorder.wait_for(1)[0][field] == result


def test_skipped_calls_are_served_but_not_recorded(recorder: Recorder, wrap: Wrap) -> None:
    application = wrap(
        hello,
        SKIP=lambda _app, environ: "health" in environ["PATH_INFO"],
        IDENTIFY_USER=lambda _app, environ, _headers: environ["PATH_INFO"],
    )
    for path in ("/health", "/a", "/health/deep", "/b"):
        assert request(application, make_environ(path=path)).body == b"hello"
    events = recorder.wait_for(2)
    assert [event["user_id"] for event in events] == ["/a", "/b"]


BODIES = [
    (b'{"a": [1, null]}', {"a": [1, None]}),
    (b"[1]", [1]),
    (b"\xff text", base64.b64encode(b"\xff text").decode()),
    (b'"scalar"', base64.b64encode(b'"scalar"').decode()),
]


@pytest.mark.parametrize(("body", "parsed"), BODIES)
@pytest.mark.parametrize("stream", [False, True], ids=["list", "stream"])
def test_environ_keys_hold_the_call(
    recorder: Recorder, wrap: Wrap, body: bytes, parsed: object, *, stream: bool
) -> None:
    found: list[dict[str, Any]] = []

    def application(environ: Environ, start_response: Any) -> Any:
        assert environ["wsgi.input"].read() == body
        start_response("200 OK", [("X-A", "1"), ("X-A", "2")])
        chunks = [b"one", b"", b"two"]
        return iter(chunks) if stream else chunks

    def metadata(_app: object, environ: Environ) -> dict[str, Any]:
        found.append({key: environ[key] for key in environ if key.startswith("moesif.")})
        found[-1]["input"] = environ["wsgi.input"].read()
        return {}

    request(
        wrap(
            application,
            IDENTIFY_USER=lambda *_arguments: metadata(*_arguments[:2]) and None,
            GET_METADATA=metadata,
        ),
        make_environ("POST", "/", body),
    )
    assert found[0]["input"] == body
    for keys in found:
        assert keys["moesif.request_body"] == parsed
        assert keys["moesif.response_headers"]["X-A"] == "1, 2"
        assert type(keys["moesif.response_headers"]) is dict
        assert b"".join(keys["moesif.response_body_chunks"]) == b"onetwo"
    assert len(recorder.wait_for(1)) == 1


def test_each_function_can_read_the_request_body(recorder: Recorder, wrap: Wrap) -> None:
    def read(_app: object, environ: Environ, *_headers: object) -> str:
        text: str = json.load(environ["wsgi.input"])["user"]
        return text

    def application(environ: Environ, start_response: Any) -> list[bytes]:
        environ["wsgi.input"].read()
        return hello(environ, start_response)

    request(
        wrap(application, IDENTIFY_USER=read, IDENTIFY_COMPANY=read, GET_SESSION_TOKEN=read),
        make_environ("POST", "/", b'{"user": "ann"}'),
    )
    [event] = recorder.wait_for(1)
    assert (event.get("user_id"), event.get("company_id"), event.get("session_token")) == (
        "ann",
        "ann",
        "ann",
    )


@pytest.mark.parametrize(("read", "found"), [(None, b""), (3, b"abc")], ids=["nothing", "a part"])
def test_functions_do_not_read_what_the_application_left_unread(
    recorder: Recorder, wrap: Wrap, read: int | None, found: bytes
) -> None:
    class BlockingStream(io.BytesIO):
        """Allows only the read that the application makes. Any other would block."""

        def read(self, size: int | None = -1) -> bytes:
            assert size == 3, "this read would block"
            return super().read(size)

    def application(environ: Environ, start_response: Any) -> list[bytes]:
        if read is not None:
            environ["wsgi.input"].read(read)
        return hello(environ, start_response)

    def user(_app: object, environ: Environ, _headers: object) -> str:
        request_body = environ["moesif.request_body"]
        assert request_body is None if read is None else request_body
        return f"user{environ['wsgi.input'].read().decode()}"

    environ = make_environ("POST", "/", b"abcdef")
    environ["wsgi.input"] = stream = BlockingStream(b"abcdef")
    request(wrap(application, IDENTIFY_USER=user), environ)
    assert recorder.wait_for(1)[0]["user_id"] == f"user{found.decode()}"
    assert stream.tell() == len(found)


async def _coroutine(*_arguments: object) -> str:
    return "result"


def _generator(*_arguments: object) -> Iterator[str]:
    yield "result"


@pytest.mark.filterwarnings("ignore:coroutine")
@pytest.mark.parametrize("function", [_coroutine, _generator])
@pytest.mark.parametrize("option", ["SKIP", "IDENTIFY_USER", "IDENTIFY_COMPANY", "GET_SESSION_TOKEN", "GET_METADATA"])
def test_coroutine_or_generator_function_counts_as_failed(
    recorder: Recorder, wrap: Wrap, caplog: pytest.LogCaptureFixture, option: str, function: Any
) -> None:
    with caplog.at_level(logging.WARNING, "moesif.callbacks"):
        request(wrap(hello, **{option: function}))
    [event] = recorder.wait_for(1)
    assert not event.keys() & {"user_id", "company_id", "session_token", "metadata"}
    [record] = [record for record in caplog.records if option in record.getMessage()]
    assert record.exc_info is not None
    assert f"expected a result, found a {function.__name__.strip('_')}" in str(record.exc_info[1])


def test_application_finds_the_body_with_read_request_body_first(recorder: Recorder, wrap: Wrap) -> None:
    seen: list[object] = []

    def application(environ: Environ, start_response: Any) -> list[bytes]:
        seen.extend([environ["moesif.request_body"], environ["wsgi.input"].read()])
        return hello(environ, start_response)

    request(wrap(application, READ_REQUEST_BODY_FIRST=True), make_environ("POST", "/", b'{"a": 1}'))
    assert seen == [{"a": 1}, b'{"a": 1}']
    assert len(recorder.wait_for(1)) == 1


def test_outer_middleware_finds_headers_and_chunks_after_the_response(recorder: Recorder, wrap: Wrap) -> None:
    def application(_environ: Environ, start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", [("X-A", "1")])
        yield b"one"
        yield b"two"

    environ = make_environ()
    request(wrap(application), environ)
    assert environ["moesif.response_headers"]["X-A"] == "1"
    assert environ["moesif.response_body_chunks"] == [b"one", b"two"]
    assert len(recorder.wait_for(1)) == 1


def test_chunks_in_environ_end_at_the_capture_limit(recorder: Recorder, wrap: Wrap) -> None:
    def application(_environ: Environ, start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", [])
        for _ in range(100):
            yield b"0123456789"

    environ = make_environ()
    assert len(request(wrap(application, RESPONSE_MAX_BODY_SIZE=25), environ).body) == 1000
    assert b"".join(environ["moesif.response_body_chunks"]) == b"0123456789012345678901234"
    assert len(recorder.wait_for(1)) == 1


def test_functions_cannot_change_the_response(recorder: Recorder, wrap: Wrap) -> None:
    def clear_arguments(_app: object, environ: Environ, *headers: dict[str, str]) -> str:
        for mapping in headers:
            mapping.clear()
        environ.clear()
        return "u"

    answer = request(
        wrap(hello, IDENTIFY_USER=clear_arguments, IDENTIFY_COMPANY=clear_arguments, SKIP=lambda _app, _environ: False)
    )
    assert (answer.status, answer.headers[0], answer.body) == (
        "200 OK",
        ("Content-Type", "text/plain"),
        b"hello",
    )
    [event] = recorder.wait_for(1)
    assert event["response"]["headers"]["Content-Type"] == "text/plain"


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
@pytest.mark.parametrize(("given", "text"), [("bö".encode(), "bö"), (b"\xff\x00", "/wA=")], ids=["utf-8", "other"])
def test_bytes_are_utf8_text_or_else_base64(
    recorder: Recorder, wrap: Wrap, kind: Callable[[bytes], Any], given: bytes, text: str
) -> None:
    def answer(*_arguments: object) -> Any:
        return kind(given)

    def mask(event: Any) -> Any:
        event.tags = kind(given)
        return event

    application = wrap(
        hello,
        IDENTIFY_USER=answer,
        IDENTIFY_COMPANY=answer,
        GET_SESSION_TOKEN=answer,
        GET_METADATA=lambda _app, _environ: {given: [kind(given)]},
        MASK_EVENT_MODEL=mask,
    )
    request(application)
    [event] = recorder.wait_for(1)
    found = [event[name] for name in ("user_id", "company_id", "session_token", "tags")]
    assert found == [text] * 4
    assert event["metadata"] == {text: [text]}


@pytest.mark.parametrize("given", [b"x" * 1025, b"\xff" * 800], ids=["utf-8", "other"])
def test_long_bytes_are_no_id(recorder: Recorder, wrap: Wrap, caplog: pytest.LogCaptureFixture, given: bytes) -> None:
    with caplog.at_level(logging.WARNING, "moesif.callbacks"):
        request(wrap(hello, IDENTIFY_USER=lambda *_: given))
    [event] = recorder.wait_for(1)
    assert "user_id" not in event
    assert "expected at most 1024" in caplog.text
