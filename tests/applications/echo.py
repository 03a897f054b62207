"""An application that answers with the request body. Headers identify the user and the company."""

from __future__ import annotations

from typing import Any

from moesifwsgi import MoesifMiddleware


def echo(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    """Answer with the request body."""
    body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    start_response("200 OK", [("Content-Type", environ.get("CONTENT_TYPE") or "text/plain")])
    return [body]


app = MoesifMiddleware(
    echo,
    {
        "IDENTIFY_USER": lambda _app, environ, _headers: environ.get("HTTP_X_USER"),
        "IDENTIFY_COMPANY": lambda _app, environ, _headers: environ.get("HTTP_X_COMPANY"),
        "GET_METADATA": lambda _app, environ: {"path": environ["PATH_INFO"]},
        "GET_SESSION_TOKEN": lambda _app, environ: f"session of {environ.get('HTTP_X_USER')}",
    },
)
