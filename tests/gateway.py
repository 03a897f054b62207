"""A minimal WSGI server (PEP 3333) without a network, which shows what real servers hide."""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

Environ = dict[str, Any]
ExcInfo = tuple[Any, Any, Any]
Application = Any


def make_environ(method: str = "GET", path: str = "/", body: bytes | None = None, **variables: object) -> Environ:
    """Return an ``environ`` as a server makes it.

    ``variables`` are added to it; ``None`` removes a variable. A name such as ``wsgi_input`` means ``wsgi.input``.
    """
    environ: Environ = {
        "REQUEST_METHOD": method,
        "SCRIPT_NAME": "",
        "PATH_INFO": path,
        "QUERY_STRING": "",
        "SERVER_NAME": "api.example.com",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "HTTP_HOST": "api.example.com",
        "REMOTE_ADDR": "192.0.2.1",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(body or b""),
        "wsgi.errors": io.StringIO(),
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
    if body is not None:
        environ["CONTENT_LENGTH"] = str(len(body))
    for name, value in variables.items():
        key = f"wsgi.{name.removeprefix('wsgi_')}" if name.startswith("wsgi_") else name
        if value is None:
            environ.pop(key, None)
        else:
            environ[key] = value
    return environ


@dataclass
class Gateway:
    """The server's side of one request. It keeps the response of the application."""

    status: str = ""
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: bytes = b""
    headers_sent: bool = False
    starts: int = 0

    def start_response(
        self, status: str, headers: list[tuple[str, str]], exc_info: ExcInfo | None = None
    ) -> Callable[[bytes], object]:
        if exc_info:
            if self.headers_sent:
                raise exc_info[1].with_traceback(exc_info[2])
        elif self.starts:
            message = "start_response called again without exc_info"
            raise AssertionError(message)
        assert type(headers) is list
        self.starts += 1
        self.status, self.headers = status, headers
        return self.write

    def write(self, data: bytes) -> None:
        self.headers_sent = True
        self.body += data

    def run(self, application: Application, environ: Environ) -> Gateway:
        """Serve the request to its end, as the example in PEP 3333 does."""
        result: Iterable[bytes] = application(environ, self.start_response)
        try:
            for chunk in result:
                self.write(chunk)
        finally:
            close = getattr(result, "close", None)
            if close:
                close()
        return self

    def header(self, name: str) -> list[str]:
        return [value for field_name, value in self.headers if field_name.lower() == name.lower()]


def request(application: Application, environ: Environ | None = None) -> Gateway:
    """Serve one request and return its response."""
    return Gateway().run(application, make_environ() if environ is None else environ)


def hello(_environ: Environ, start_response: Any) -> list[bytes]:
    """Answer 200 with a list of one chunk."""
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"hello"]


def answering(response: object, *headers: tuple[str, str]) -> Application:
    """Return an application that reads the request body and returns ``response``."""

    def application(environ: Environ, start_response: Any) -> object:
        environ["wsgi.input"].read()
        start_response("200 OK", list(headers))
        return response

    return application
