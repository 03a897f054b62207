"""Types of the compiled module. Private: import from ``moesif`` instead."""

from collections.abc import Iterable, Mapping
from typing import Any

from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment
from typing_extensions import Self

from moesif.lifecycle import Stats

VERSION: str

def flush(timeout: float | None = None) -> bool: ...
def stats() -> Stats: ...

class WsgiMiddleware:
    def __new__(cls, *_args: object, **_kwargs: object) -> Self: ...
    def _configure(self, app: WSGIApplication, given: Mapping[str, Any] | None) -> tuple[bool, bool]: ...
    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]: ...
