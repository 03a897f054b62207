"""A client that sends exact bytes and keeps the exact bytes it is answered."""

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
    """What a client does between sending."""

    #: Wait until something has been answered.
    AWAIT = enum.auto()
    #: Open the gate that the application stands in front of.
    GO = enum.auto()
    #: Say that nothing more will be sent.
    FINISH = enum.auto()
    #: Close the connection without reading on.
    LEAVE = enum.auto()


Script = tuple[bytes | Step, ...]


def follow(script: Script, server: Server, gate: Gate | None = None) -> bytes:
    """Send what the script says, and return everything answered until the server closes."""
    answered = b""
    with server.connect(timeout=30) as connection:
        for step in script:
            if isinstance(step, bytes):
                # A server may have closed already: what it answered can still be read.
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
            # A server that closes with unread data ends like this; what it answered came before.
            pass
    return answered


def _head_and_more(connection: socket.socket, answered: bytes) -> bytes:
    """Read until more than a head has been answered, or a whole head without a body."""
    while b"\r\n\r\n" not in answered or (answered.endswith(b"\r\n\r\n") and b" 100 " not in answered[:20]):
        data = connection.recv(65536)
        assert data, answered
        answered += data
    return answered


DATE = re.compile(rb"^(date: )[^\r\n]+", re.IGNORECASE | re.MULTILINE)
TRANSACTION_ID = re.compile(rb"^x-moesif-transaction-id: [0-9a-f-]{36}\r?\n", re.IGNORECASE | re.MULTILINE)
PROCESS_ID = re.compile(rb"^x-moesif-wsgi-pid: [0-9]+\r?\n", re.IGNORECASE | re.MULTILINE)


def without_dates(answer: bytes) -> bytes:
    """The answer as it would be at any other time."""
    return DATE.sub(rb"\1", answer)


def without_chunks(answers: bytes) -> bytes:
    """The answers without the framing of chunks: some servers join chunks that come in quick succession."""
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
    """The chunks joined, and what follows the last one."""
    joined, size = b"", -1
    while size and answers:
        line, _, answers = answers.partition(b"\r\n")
        size = int(line, 16)
        joined, answers = joined + answers[:size], answers[size + 2 :]
    return joined, answers
