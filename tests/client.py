"""A client on a plain socket: sends exact bytes and returns the exact bytes of the answer."""

from __future__ import annotations

import contextlib
import enum
import re
import socket
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.gate import Gate
    from tests.server import Server


class Step(enum.Enum):
    """What a client does besides sending."""

    #: Wait for the head of the answer, and for the start of its body.
    AWAIT = enum.auto()
    #: Open the gate at which the application waits.
    GO = enum.auto()
    #: Shut down the sending side of the connection.
    FINISH = enum.auto()
    #: Close the connection without reading the rest.
    LEAVE = enum.auto()


Script = tuple[bytes | Step, ...]


def follow(script: Script, server: Server, gate: Gate | None = None) -> bytes:
    """Run the script. Returns all bytes that the server sent until it closed the connection."""
    answered = b""
    with server.connect(timeout=30) as connection:
        for step in script:
            if isinstance(step, bytes):
                # The server may have closed already. Its answer can still be read.
                with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                    connection.sendall(step)
            elif step is Step.AWAIT:
                answered = _head_and_more(connection, answered)
            elif step is Step.GO:
                assert gate
                gate.open()
            elif step is Step.FINISH:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_WR)
            else:
                return answered
        try:
            while data := connection.recv(65536):
                answered += data
        except ConnectionResetError:
            # The server closed the connection before it read everything. Its answer came before.
            pass
    return answered


def _head_and_more(connection: socket.socket, answered: bytes) -> bytes:
    """Read until the answer has a whole head and the start of its body. A head with status 100 has no body."""
    while b"\r\n\r\n" not in answered or (answered.endswith(b"\r\n\r\n") and b" 100 " not in answered[:20]):
        data = connection.recv(65536)
        assert data, answered
        answered += data
    return answered


DATE = re.compile(rb"^(date: )[^\r\n]+", re.IGNORECASE | re.MULTILINE)
TRANSACTION_ID = re.compile(rb"^x-moesif-transaction-id: [0-9a-f-]{36}\r?\n", re.IGNORECASE | re.MULTILINE)
PROCESS_ID = re.compile(rb"^x-moesif-wsgi-pid: [0-9]+\r?\n", re.IGNORECASE | re.MULTILINE)


def without_dates(answer: bytes) -> bytes:
    """Return the answer without the values of Date headers."""
    return DATE.sub(rb"\1", answer)


def without_chunks(answers: bytes) -> bytes:
    """Return the answers without chunk framing, because some servers join chunks that follow quickly."""
    joined = b""
    while answers:
        head, end, answers = answers.partition(b"\r\n\r\n")
        joined += head + end
        if b" 100 " in head[:13]:
            continue
        if b"\r\ntransfer-encoding: chunked" in head.lower():
            body, answers = _chunks(answers)
        else:
            length = re.search(rb"\r\ncontent-length: (\d+)", head, re.IGNORECASE)
            size = int(length[1]) if length else len(answers)
            body, answers = answers[:size], answers[size:]
        joined += body
    return joined


def _chunks(answers: bytes) -> tuple[bytes, bytes]:
    """Return the joined chunks, and the bytes after the last one."""
    joined, size = b"", -1
    while size and answers:
        line, _, answers = answers.partition(b"\r\n")
        size = int(line, 16)
        joined, answers = joined + answers[:size], answers[size + 2 :]
    return joined, answers
