"""Every kind of response object, by path; ``app`` is captured and ``bare`` is not."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from moesifwsgi import MoesifMiddleware

if TYPE_CHECKING:
    from collections.abc import Iterator


class Sized:
    """One chunk with a length, and no list."""

    def __len__(self) -> int:
        return 1

    def __iter__(self) -> Iterator[bytes]:
        return iter((b"hello",))


def bare(environ: dict[str, Any], start_response: Any) -> Any:
    """Answer in the way the path names."""
    path = environ["PATH_INFO"]
    status = {"/204": "204 No Content", "/304": "304 Not Modified"}.get(path, "200 OK")
    headers = [] if status[0:3] in ("204", "304") else [("Content-Type", "text/plain")]
    headers += [("Set-Cookie", "a=1"), ("Set-Cookie", "b=2"), ("X-Zed", "z"), ("X-Alpha", "a")]
    if path == "/write":
        write = start_response(status, headers)
        write(b"writ")
        write(b"ten, ")
        return [b"returned"]
    start_response(status, headers)
    if path == "/file":
        file = Path(os.environ.get("FILE", __file__)).open("rb")  # noqa: SIM115 - the server closes it
        return environ["wsgi.file_wrapper"](file)
    return {
        "/list": lambda: [b"hello"],
        "/list-of-two": lambda: [b"hel", b"lo"],
        "/tuple": lambda: (b"hello",),
        "/generator": lambda: (chunk for chunk in (b"hel", b"", b"lo")),
        "/sized": Sized,
    }.get(path, list)()


app = MoesifMiddleware(bare, {})
