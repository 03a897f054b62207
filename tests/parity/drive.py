"""Plays the corpus through the installed ``moesifwsgi``: ``python -m tests.parity.drive URI APPLICATION_ID``.

It runs with either package installed, so it imports only the standard library and modules of this directory. It prints
one line of JSON when all events are on their way, and ends when its standard input is closed.
"""

from __future__ import annotations

import json
import os
import sys
import time
from functools import wraps
from typing import TYPE_CHECKING, Any

import moesifwsgi
from tests.gateway import Gateway, make_environ
from tests.parity.applications import FileWrapper, application
from tests.parity.corpus import EXCHANGES
from tests.parity.exchange import CALL, Call, Exchange

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

#: URI of the marker events that :func:`settle` sends.
SETTLED = "http://settled/"
#: Send each event alone, at once and in order, so that a bad event does not affect others.
DELIVERY = {"BATCH_SIZE": 1, "EVENT_WORKER_COUNT": 1, "EVENT_BATCH_TIMEOUT": 0.2}


class Counting:
    """Base of players: counts the calls of functions in the options."""

    call: Call | None = None

    def counted(self, options: Mapping[str, Any]) -> dict[str, Any]:
        """Return the options with functions that count their calls in the current exchange."""
        return {name: self._counted(name, value) if callable(value) else value for name, value in options.items()}

    def _counted(self, name: str, value: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(value, assigned=())
        def function(*arguments: Any) -> Any:
            assert self.call
            self.call.calls[name] += 1
            return value(*arguments)

        return function


class Player(Counting):
    """Plays each exchange through a middleware with the options of the exchange."""

    def __init__(self, base_uri: str, application_id: str) -> None:
        self.settings = {"APPLICATION_ID": application_id, "BASE_URI": base_uri, **DELIVERY}
        self.middlewares: dict[str, Any] = {}

    def play(self, exchange: Exchange) -> dict[str, Any]:
        """Play one exchange. Return what a server sees of it."""
        middleware = self._middleware(exchange)
        self.call = call = Call(exchange)
        environ = make_environ(
            exchange.method, f"/exchange/{exchange.name}{exchange.path}", exchange.body, **exchange.variables
        )
        environ |= {"wsgi.file_wrapper": FileWrapper, CALL: call}
        call.notes["environ"] = environ
        server = Server(call)
        begin = time.time()
        server.serve(middleware, environ)
        del call.notes["environ"]
        return {
            "begin": begin,
            "end": time.time(),
            "made_at": call.made_at,
            "seen": {
                "status": server.status,
                "headers": server.headers,
                "chunks": [chunk.decode("latin-1") for chunk in server.chunks],
                "raised": server.raised,
                "journal": call.journal,
                "length": server.length,
                "is the file wrapper": server.is_file_wrapper,
                "read": call.read.decode("latin-1"),
                "calls": dict(call.calls),
                "notes": call.notes,
            },
        }

    def _middleware(self, exchange: Exchange) -> Any:
        key = repr(sorted(exchange.options.items(), key=lambda item: item[0]))
        if key not in self.middlewares:
            settings = {**self.settings, **self.counted(exchange.options)}
            self.middlewares[key] = moesifwsgi.MoesifMiddleware(application, settings)
        return self.middlewares[key]

    def settle(self) -> int:
        """Wait for delivery, or send marker events behind all others. Return the number of marker events."""
        try:
            from moesif import flush  # noqa: PLC0415 - upstream does not have it
        except ImportError:
            return sum(map(_follow, self.middlewares.values()))
        assert flush(20)
        return 0


def _follow(middleware: Any) -> int:
    """Queue one batch of marker events behind all others, and return their number. They arrive last."""
    from moesifapi.models import EventModel, EventRequestModel  # noqa: PLC0415 - only with upstream

    pool = middleware.worker_pool
    for _ in range(pool.batch_size):
        assert pool.add_event(EventModel(EventRequestModel(uri=SETTLED)))
    return int(pool.batch_size)


class Server(Gateway):
    """A server that keeps everything it sees, exceptions included."""

    def __init__(self, call: Call) -> None:
        super().__init__()
        self.call = call
        self.chunks: list[bytes] = []
        self.raised: str | None = None
        self.length: int | None = None
        self.is_file_wrapper = False

    def serve(self, middleware: Callable[..., Any], environ: dict[str, Any]) -> None:
        try:
            result = middleware(environ, self.start_response)
            self.length = len(result) if hasattr(type(result), "__len__") else None
            self.is_file_wrapper = isinstance(result, FileWrapper)
            try:
                self._send(result)
            finally:
                if hasattr(result, "close"):
                    result.close()
        except Exception as error:  # noqa: BLE001 - every exception is compared
            self.raised = f"{type(error).__name__}: {error}"

    def _send(self, result: Any) -> None:
        taken = self.call.exchange.taken
        if taken == 0:
            return
        for number, chunk in enumerate(result, 1):
            self.write(chunk)
            if number == taken:
                return

    def write(self, data: bytes) -> None:
        super().write(data)
        self.call.journal.append(f"sent {len(self.chunks)}")
        self.chunks.append(data)


def main() -> None:
    """Play every exchange."""
    player = Player(*sys.argv[1:3])
    played = {exchange.name: player.play(exchange) for exchange in EXCHANGES}
    following = player.settle()
    print(json.dumps({"pid": os.getpid(), "played": played, "following": following}), flush=True)
    sys.stdin.read()
    # A regular exit may hang in upstream (docs/wire-contract.md, B15).
    os._exit(0)


if __name__ == "__main__":
    main()
