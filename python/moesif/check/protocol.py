"""What a port speaks, TLS or plain HTTP: tells whether ``BASE_URI`` begins with the wrong scheme."""

from __future__ import annotations

import socket
import ssl
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

#: Limit in seconds for each step of an attempt. A server that speaks the other protocol may never answer.
_TIMEOUT = 2.0


def speaks_http(host: str, port: int) -> bool:
    """Return whether the port answers a plain HTTP request."""

    def ask(connection: socket.socket) -> bool:
        name = f"[{host}]" if ":" in host else host
        connection.sendall(f"HEAD / HTTP/1.0\r\nHost: {name}:{port}\r\n\r\n".encode("ascii", "replace"))
        with connection.makefile("rb") as answer:
            return answer.read(5) == b"HTTP/"

    return _try(host, port, ask)


def speaks_tls(host: str, port: int) -> bool:
    """Return whether a TLS handshake succeeds. The certificate is not verified, and nothing is sent."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE

    def shake_hands(connection: socket.socket) -> bool:
        with context.wrap_socket(connection, server_hostname=host):
            return True

    return _try(host, port, shake_hands)


def _try(host: str, port: int, attempt: Callable[[socket.socket], bool]) -> bool:
    try:
        with socket.create_connection((host, port), _TIMEOUT) as connection:
            return attempt(connection)
    except (OSError, ValueError):
        # ssl raises ValueError for a name that cannot be sent to the server.
        return False
