"""A small API on a free port of this machine, for the example to call."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        """Answers /large?N with N bytes, and everything else with a document."""
        path, _, query = self.path.partition("?")
        if path == "/large":
            self._answer("application/octet-stream", b"x" * int(query))
        else:
            self._answer("application/json", b'{"status": true}')

    def do_POST(self) -> None:
        """Answers with the body of the request."""
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self._answer(self.headers["Content-Type"], body)

    def _answer(self, content_type: str, body: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_arguments: object) -> None:
        """Logs nothing."""


class _Server(ThreadingHTTPServer):
    def handle_error(self, _request: object, _client_address: object) -> None:
        """Ignores that the example stops reading early."""


@contextmanager
def running() -> Iterator[str]:
    """Serves until the block ends. Yields the address."""
    with _Server(("127.0.0.1", 0), _Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
