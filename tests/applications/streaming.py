"""Streaming responses."""

from __future__ import annotations

import itertools
import os
from typing import TYPE_CHECKING, Any

from moesifwsgi import MoesifMiddleware
from tests.gate import pass_gate

if TYPE_CHECKING:
    from collections.abc import Iterator

CALLBACKS: dict[str, dict[str, Any]] = {
    "none": {},
    "skip": {"SKIP": lambda _app, _environ: True},
    "all": {
        "SKIP": lambda _app, _environ: False,
        "IDENTIFY_USER": lambda _app, _environ, _headers: "user",
        "IDENTIFY_COMPANY": lambda _app, _environ, _headers: "company",
        "GET_METADATA": lambda _app, _environ: {"a": 1},
        "GET_SESSION_TOKEN": lambda _app, _environ: "token",
    },
}


def two_chunks(_environ: dict[str, Any], start_response: Any) -> Iterator[bytes]:
    """Yield the second chunk only after the gate was opened."""
    start_response("200 OK", [("Content-Type", "text/plain")])
    yield b"first"
    pass_gate()
    yield b"second"


def endless(_environ: dict[str, Any], start_response: Any) -> Iterator[bytes]:
    """Send events until the client disconnects."""
    start_response("200 OK", [("Content-Type", "text/event-stream")])
    for number in itertools.count():
        yield b"data: %08d\n\n" % number


chunks = MoesifMiddleware(two_chunks, CALLBACKS[os.environ.get("CALLBACKS", "none")])
stream = MoesifMiddleware(endless, {})
