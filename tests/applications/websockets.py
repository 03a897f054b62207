"""Websockets that echo messages until the client closes them, each with another package of real applications.

The packages are in an environment of their own: ``PACKAGES`` in tests/websockets/test_websockets.py.
"""

from __future__ import annotations

from typing import Any

from flask import Flask, request
from flask_sock import Sock
from geventwebsocket.resource import Resource, WebSocketApplication
from gunicorn.workers.base_async import ALREADY_HANDLED  # type: ignore[import-untyped]
from wsproto import ConnectionType, WSConnection
from wsproto.events import AcceptConnection, CloseConnection, Request, TextMessage

from moesifwsgi import MoesifMiddleware
from tests.gateway import hello


def _flask_sock() -> Flask:
    """Make an application of Flask-Sock. Under gunicorn it raises ``StopIteration`` at the end of a websocket."""
    application = Flask(__name__)

    @Sock(application).route("/echo")  # type: ignore[untyped-decorator]
    def echo(socket: Any) -> None:
        while True:
            socket.send(socket.receive())

    application.wsgi_app = MoesifMiddleware(application.wsgi_app, {})  # type: ignore[method-assign]
    return application


def _already_handled(environ: dict[str, Any], _start_response: Any) -> Any:
    """Serve a websocket on the socket of gunicorn, and return the object that tells gunicorn to send nothing."""
    stream = environ["gunicorn.socket"]
    connection = WSConnection(ConnectionType.SERVER)
    headers = [
        (name.removeprefix("HTTP_").replace("_", "-").encode(), value.encode())
        for name, value in environ.items()
        if name.startswith("HTTP_")
    ]
    connection.initiate_upgrade_connection(headers, environ["PATH_INFO"])
    while True:
        for event in connection.events():
            if isinstance(event, Request):
                stream.sendall(connection.send(AcceptConnection()))
            elif isinstance(event, TextMessage):
                stream.sendall(connection.send(TextMessage(event.data)))
            elif isinstance(event, CloseConnection):
                stream.sendall(connection.send(event.response()))
                return ALREADY_HANDLED
        connection.receive_data(stream.recv(4096))


def _stop(environ: dict[str, Any], start_response: Any) -> Any:
    """Tell gunicorn to close the connection and to send nothing, except on one path."""
    if environ["PATH_INFO"] == "/hello":
        return hello(environ, start_response)
    raise StopIteration


class _Echo(WebSocketApplication):  # type: ignore[misc]
    def on_message(self, message: str | None, *_arguments: object) -> None:
        if message is not None:
            self.ws.send(message)


def _gevent_websocket() -> Flask:
    """Make an application that answers 200 after the websocket. gevent-websocket ignores the answer."""
    application = Flask(__name__)

    @application.route("/echo", websocket=True)
    def echo() -> str:
        socket = request.environ["wsgi.websocket"]
        while (message := socket.receive()) is not None:
            socket.send(message)
        return "the websocket has ended"

    application.wsgi_app = MoesifMiddleware(application.wsgi_app, {})  # type: ignore[method-assign]
    return application


flask_sock = _flask_sock()
already_handled = MoesifMiddleware(_already_handled, {})
stop = MoesifMiddleware(_stop, {})
gevent_resource = MoesifMiddleware(Resource([("/echo", _Echo)]), {})
gevent_websocket = _gevent_websocket()
