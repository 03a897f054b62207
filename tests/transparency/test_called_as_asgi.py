"""The WSGI middleware where another one is needed: the error names that one."""

from __future__ import annotations

import asyncio
from collections import UserDict
from typing import TYPE_CHECKING, Any

import pytest
from fastapi import FastAPI
from starlette.middleware.base import BaseHTTPMiddleware

from moesifwsgi import MoesifMiddleware
from tests.gateway import hello, make_environ

if TYPE_CHECKING:
    from tests.collector import Nowhere
    from tests.conftest import Serve, Wrap
    from tests.recorder import Recorder

SAID = "TypeError: this MoesifMiddleware is a WSGI application, but it was called as an ASGI application"


@pytest.mark.parametrize(
    ("application", "server"),
    [("added", "uvicorn"), ("listed", "uvicorn"), ("wrapped", "uvicorn"), ("wrapped", "hypercorn-asgi")],
)
def test_first_call_of_an_asgi_server_names_the_mistake(
    application: str, server: str, serve: Serve, nowhere: Nowhere
) -> None:
    served = serve(f"asgi:{application}", server, to=nowhere)
    assert served.get().status == 500
    served.stop()
    assert SAID in served.output()
    assert "moesifasgi" in served.output()


@pytest.mark.parametrize("arguments", [({"type": "http"}, print, print), ({"type": "http"},), ({"type": "lifespan"},)])
def test_call_with_a_scope_raises(wrap: Wrap, arguments: tuple[Any, ...]) -> None:
    application: Any = wrap(hello)
    with pytest.raises(TypeError, match="was called as an ASGI application"):
        application(*arguments)


def test_call_with_keywords_of_asgi_raises(wrap: Wrap) -> None:
    application: Any = wrap(hello)
    with pytest.raises(TypeError, match="was called as an ASGI application"):
        application(scope={"type": "http"}, receive=print, send=print)


def test_middleware_as_a_function_of_fastapi_raises(nowhere: Nowhere) -> None:
    settings: Any = {"APPLICATION_ID": "x", "BASE_URI": nowhere.uri}
    decorated, dispatching = FastAPI(), FastAPI()
    middleware: Any = MoesifMiddleware(decorated, settings)  # type: ignore[arg-type] # the mistake
    decorated.middleware("http")(middleware)
    dispatching.add_middleware(BaseHTTPMiddleware, dispatch=middleware)
    for application in (decorated, dispatching):
        with pytest.raises(
            TypeError, match=r"was called with a starlette\..*Request in place of an environ dictionary"
        ):
            asyncio.run(_get(application))


async def _get(application: Any) -> None:
    """Make one call as an ASGI server does."""

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b""}

    async def send(_message: object) -> None:
        pass

    scope = {"type": "http", "method": "GET", "path": "/", "query_string": b"", "headers": [], "http_version": "1.1"}
    await application(scope, receive, send)


def test_mapping_that_is_no_dictionary_reaches_the_application(wrap: Wrap) -> None:
    given: list[Any] = []

    def keep(environ: object, _start_response: object) -> list[bytes]:
        given.append(environ)
        return []

    environ = UserDict(make_environ())
    application: Any = wrap(keep)
    assert application(environ, print) == []
    assert given == [environ]


def test_call_with_environ_reaches_the_application(wrap: Wrap, recorder: Recorder) -> None:
    # A server may add a key of its own, such as "type". An application may need no start_response.
    given: list[Any] = []

    def keep(_environ: object, start_response: object) -> list[bytes]:
        given.append(start_response)
        return []

    application: Any = wrap(keep)
    for environ in (make_environ(), make_environ(type="http")):
        list(application(environ, None))
        list(application(environ=environ, start_response=print))
    assert len(given) == 4
    recorder.wait_for(4)
