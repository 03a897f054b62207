"""wsgiref.validate accepts the middleware both as an application and as a server (docs/guarantees.md, I-8 to I-11)."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any
from wsgiref.util import FileWrapper
from wsgiref.validate import validator

import pytest

from tests.gateway import Environ, make_environ, request

if TYPE_CHECKING:
    import io
    from collections.abc import Callable, Iterator

    from tests.conftest import Wrap
    from tests.recorder import Recorder

TEXT = [("Content-Type", "text/plain"), ("Set-Cookie", "a=1"), ("Set-Cookie", "b=2")]


def _list(environ: Environ, start_response: Any) -> list[bytes]:
    start_response("200 OK", list(TEXT))
    return [environ["wsgi.input"].read(1000)]


def _generator(environ: Environ, start_response: Any) -> Iterator[bytes]:
    stream = environ["wsgi.input"]
    start_response("200 OK", list(TEXT))
    yield stream.readline()
    yield from stream.readlines(1)
    yield from stream


def _late(environ: Environ, start_response: Any) -> Iterator[bytes]:
    body = environ["wsgi.input"].read(3) + environ["wsgi.input"].read(1000)
    start_response("200 OK", list(TEXT))
    yield body


def _written(environ: Environ, start_response: Any) -> list[bytes]:
    start_response("200 OK", list(TEXT))(environ["wsgi.input"].read(1000))
    return []


def _replaced(environ: Environ, start_response: Any) -> list[bytes]:
    start_response("500 Sorry", list(TEXT))
    try:
        raise ValueError  # noqa: TRY301
    except ValueError:
        start_response("200 OK", list(TEXT), sys.exc_info())
    return [environ["wsgi.input"].read(1000)]


def _file(environ: Environ, start_response: Any) -> Any:
    class File:
        def __init__(self, stream: io.IOBase) -> None:
            self.read = stream.read

        def close(self) -> None:
            pass

    start_response("200 OK", list(TEXT))
    return environ["wsgi.file_wrapper"](File(environ["wsgi.input"]))


@pytest.mark.parametrize("application", [_list, _generator, _late, _written, _replaced, _file])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"READ_REQUEST_BODY_FIRST": True},
        {"SKIP": lambda _app, _environ: False, "MASK_EVENT_MODEL": lambda event: event},
        {"LOG_BODY": False, "DISABLED_TRANSACTION_ID": True},
    ],
    ids=["default", "read first", "functions", "no bodies"],
)
def test_middleware_is_valid_application_and_valid_server(
    recorder: Recorder, wrap: Wrap, application: Callable[..., Any], options: dict[str, Any]
) -> None:
    middleware = validator(wrap(validator(application), **options))
    body = b"one\ntwo\nthree"
    environ = make_environ("POST", "/a", body, QUERY_STRING="q=1", wsgi_file_wrapper=FileWrapper)
    answer = request(middleware, environ)
    assert (answer.status, answer.body) == ("200 OK", body)
    assert len(recorder.wait_for(1)) == 1
