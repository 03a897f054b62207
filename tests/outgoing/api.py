"""An API on a free port, which the applications of the tests call."""

from __future__ import annotations

import gzip
import json
import threading
from http.server import BaseHTTPRequestHandler
from typing import Any

from tests.ports import FreshServer, collector_at

DOCUMENT = {"id": 1, "name": "spanner"}


class Api:
    """Listens until ``close``. ``seen`` lists the received requests in order: method, path, headers and body."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, str, dict[str, str], bytes]] = []
        self.connections: set[object] = set()
        #: ``/stream`` sends its second half when this is set.
        self.may_go_on = threading.Event()
        self._server = _Server(_Handler)
        self._server.api = self
        self.port = collector_at(self._server.server_port)
        self.uri = f"http://127.0.0.1:{self.port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()

    def close(self) -> None:
        self.may_go_on.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(10)


class _Server(FreshServer):
    daemon_threads = True
    block_on_close = False
    api: Api

    def handle_error(self, _request: object, _client_address: object) -> None:
        """Ignore clients that disconnect: some tests do that."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    def _answer_any(self) -> None:
        body = self._body()
        path, _, query = self.path.partition("?")
        self.server.api.connections.add(self.client_address)
        self.server.api.seen.append((self.command, self.path, dict(self.headers.items()), body))
        name = path.strip("/").partition("/")[0]
        getattr(self, f"_{name}", self._document)(body, query)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = do_OPTIONS = _answer_any  # noqa: N815 - names of the base class

    def _document(self, _body: bytes, _query: str) -> None:
        self._send(json.dumps(DOCUMENT).encode(), ("Content-Type", "application/json"), ("X-Of-Api", "1"))

    def _echo(self, body: bytes, _query: str) -> None:
        self._send(body)

    def _gzipped(self, _body: bytes, _query: str) -> None:
        self._send(gzip.compress(json.dumps(DOCUMENT).encode()), ("Content-Encoding", "gzip"))

    def _cookies(self, _body: bytes, _query: str) -> None:
        self._send(b"", ("Set-Cookie", "a=1"), ("Set-Cookie", "b=2"))

    def _redirect(self, _body: bytes, query: str) -> None:
        self._send(b"elsewhere", ("Location", query), status=307)

    def _missing(self, _body: bytes, _query: str) -> None:
        self._send(b'{"error": "missing"}', status=404)

    def _large(self, _body: bytes, query: str) -> None:
        self._send(bytes(int(query)))

    def _chunked(self, _body: bytes, _query: str) -> None:
        """Send the document in chunks."""
        self._begin(("Transfer-Encoding", "chunked"))
        document = json.dumps(DOCUMENT).encode()
        for chunk in (document[:5], document[5:], b""):
            self._chunk(chunk)

    def _stream(self, _body: bytes, _query: str) -> None:
        """Send one line, and the second when the test sets the event."""
        self._begin(("Transfer-Encoding", "chunked"))
        self._chunk(b"first\n")
        self.server.api.may_go_on.wait(60)
        self._chunk(b"second\n")
        self._chunk(b"")

    def _broken(self, _body: bytes, _query: str) -> None:
        """Send fewer bytes than Content-Length announces."""
        self._begin(("Content-Length", "100"))
        self.wfile.write(b"only this")
        self.close_connection = True

    def _until_closed(self, _body: bytes, _query: str) -> None:
        """Send a body that ends when the connection closes."""
        self._begin(("Connection", "close"))
        self.wfile.write(json.dumps(DOCUMENT).encode())
        self.close_connection = True

    def _hang(self, _body: bytes, _query: str) -> None:
        self.server.api.may_go_on.wait(60)
        self.close_connection = True

    def _send(self, body: bytes, *headers: tuple[str, str], status: int = 200) -> None:
        self._begin(*headers, ("Content-Length", str(len(body))), status=status)
        if self.command != "HEAD":
            self.wfile.write(body)

    def _begin(self, *headers: tuple[str, str], status: int = 200) -> None:
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.end_headers()

    def _chunk(self, chunk: bytes) -> None:
        self.wfile.write(b"%x\r\n%s\r\n" % (len(chunk), chunk))

    def _body(self) -> bytes:
        if self.headers["Transfer-Encoding"] != "chunked":
            return self.rfile.read(int(self.headers["Content-Length"] or 0))
        body = b""
        while size := int(self.rfile.readline(), 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    def log_message(self, *_arguments: Any) -> None:
        """Log nothing."""
