"""A websocket that ends normally stays intact, and its event says that the connection was upgraded.

docs/guarantees.md: I-8, I-19.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.environments import prepared
from tests.websockets.client import Client, rest_of

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Serve
    from tests.recorder import Recorder

#: Packages that real applications use for websockets.
PACKAGES = (
    "gunicorn==27.0.1",
    "gevent==26.9.0",
    "packaging==26.4",
    "Flask==3.1.3",
    "flask-sock==0.7.0",
    "simple-websocket==1.1.0",
    "gevent-websocket==0.10.1",
)
WITH_WEBSOCKETS = "gunicorn-geventwebsocket.gunicorn.workers.GeventWebSocketWorker"


@pytest.fixture(scope="session")
def python() -> Path:
    return prepared("websockets", PACKAGES) / "bin" / "python"


@pytest.mark.timeout(300)  # the first run installs packages
@pytest.mark.parametrize(
    ("application", "server"),
    [
        # Flask-Sock raises StopIteration.
        ("flask_sock", "gunicorn-sync"),
        ("flask_sock", "gunicorn-gthread"),
        ("flask_sock", "gunicorn-gevent"),
        ("already_handled", "gunicorn-gevent"),
        # gevent-websocket upgrades the connection before the application runs.
        ("gevent_resource", WITH_WEBSOCKETS),
        ("gevent_websocket", WITH_WEBSOCKETS),
    ],
)
def test_nothing_follows_a_websocket_and_its_event_has_status_101(
    serve: Serve, recorder: Recorder, python: Path, application: str, server: str
) -> None:
    served = serve(f"websockets:{application}", server, to=recorder, python=(str(python),))
    client = Client(served, "/echo")
    assert client.exchange("hello") == "hello"
    assert client.close() == b""
    [event] = recorder.wait_for(1)
    assert event["request"]["uri"].endswith("/echo")
    assert event["request"]["headers"]["Upgrade"] == "websocket"
    response = event["response"]
    assert (response["status"], response.get("body")) == (101, None)
    assert "Content-Type" not in response["headers"]


@pytest.mark.timeout(300)
def test_connection_that_the_application_ends_itself_has_an_event_without_response(
    serve: Serve, recorder: Recorder, python: Path
) -> None:
    served = serve("websockets:stop", "gunicorn-gthread", to=recorder, python=(str(python),))
    with served.connect() as connection:
        connection.sendall(b"GET /nothing HTTP/1.1\r\nHost: h\r\n\r\n")
        assert rest_of(connection) == b""
    [event] = recorder.wait_for(1)
    assert event["request"]["uri"].endswith("/nothing")
    assert event.get("response") is None
    assert served.get("/hello").body == b"hello"
    assert recorder.wait_for(2)[1]["response"]["status"] == 200
