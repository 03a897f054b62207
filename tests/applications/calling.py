"""An application that calls the API at ``API``: once before it responds, and once while it streams the response."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import requests

from moesifwsgi import MoesifMiddleware

if TYPE_CHECKING:
    from collections.abc import Iterator

    from _typeshed.wsgi import StartResponse, WSGIEnvironment


def _app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterator[bytes]:
    uri = f"{os.environ['API']}/items{environ['PATH_INFO']}"
    first = requests.get(uri, timeout=20).content
    start_response("200 OK", [("Content-Type", "application/json")])

    def chunks() -> Iterator[bytes]:
        yield first
        with requests.get(uri, stream=True, timeout=20) as answer:
            yield from answer.iter_content(10)

    return chunks()


application: Any = MoesifMiddleware(_app)
