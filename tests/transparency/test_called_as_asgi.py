"""The WSGI middleware in an ASGI application: the error names what is needed instead."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

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
