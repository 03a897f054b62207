"""Minimal applications."""

from __future__ import annotations

import os
from typing import Any

from moesifwsgi import MoesifMiddleware
from tests.gateway import hello


def process_id(_environ: dict[str, Any], start_response: Any) -> list[bytes]:
    """Answer with the process id."""
    start_response("200 OK", [("Content-Type", "text/plain"), ("X-Pid", str(os.getpid()))])
    return [b"%d" % os.getpid()]


app = MoesifMiddleware(hello, {})
pid = MoesifMiddleware(process_id, {})
