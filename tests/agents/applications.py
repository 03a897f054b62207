"""A WSGI application that calls an API, at the address in the variable ``API``."""

from __future__ import annotations

import os
from typing import Any

REQUEST = b'{"asked": 1}'
RESPONSE = b'{"made": 4}'


def call_api() -> None:
    """Call the API as applications do: with a body, through a redirect, as a stream, and with ``Session.send``."""
    # Only now: some agents patch requests while it is imported.
    import requests

    api = os.environ["API"]
    session = requests.Session()
    posted = session.post(f"{api}/echo", json={"number": 1}, timeout=20)
    redirected = requests.get(f"{api}/redirect?/items", timeout=20)
    with requests.get(f"{api}/chunked", stream=True, timeout=20) as streaming:
        streamed = b"".join(streaming.iter_content(4))
    sent = session.send(requests.Request("GET", f"{api}/prepared").prepare(), timeout=20)
    assert posted.json() == {"number": 1}
    assert len(redirected.history) == 1
    assert redirected.content == streamed == sent.content


def application(environ: Any, start_response: Any) -> list[bytes]:
    assert environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"])) == REQUEST
    call_api()
    start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(RESPONSE)))])
    return [RESPONSE]
