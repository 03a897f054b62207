"""A collector that only counts events. It stores batches as received and unpacks them when asked for the count.

`GET /count` returns the number of events so far. `GET /last` returns when the last batch arrived, in seconds of the
monotonic clock. With `--stall` it reads batches and never answers. The first line on stdout is its port.
"""

from __future__ import annotations

import asyncio
import gzip
import json
import sys
import time


class Counter:
    """Batches not counted yet, and the number of events in those already counted."""

    def __init__(self, *, stall: bool) -> None:
        self.stall = stall
        self.last = 0.0
        self.batches: list[tuple[bytes, bool]] = []
        self.counted = 0

    def count(self) -> int:
        while self.batches:
            body, is_gzipped = self.batches.pop()
            document = json.loads(gzip.decompress(body) if is_gzipped else body)
            self.counted += len(document) if isinstance(document, list) else 1
        return self.counted

    def answer(self, method: bytes, path: bytes) -> tuple[int, bytes]:
        if path == b"/count":
            return 200, str(self.count()).encode()
        if path == b"/last":
            return 200, str(self.last).encode()
        if path.endswith(b"/v1/config"):
            return 200, b'{"sample_rate": 100}'
        if path.endswith(b"/v1/rules"):
            return 200, b"[]"
        return (201, b"{}") if method == b"POST" else (404, b"{}")

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                lines = head.split(b"\r\n")
                method, path, _ = lines[0].split(b" ")
                fields = {}
                for line in lines[1:]:
                    name, _, value = line.lower().partition(b": ")
                    fields[name] = value
                body = await reader.readexactly(int(fields.get(b"content-length", b"0")))
                if method == b"POST" and b"/v1/events" in path:
                    self.batches.append((body, fields.get(b"content-encoding") == b"gzip"))
                    self.last = time.monotonic()
                    if self.stall:
                        await asyncio.sleep(3600)
                status, reply = self.answer(method, path)
                tags = b"X-Moesif-Config-ETag: 1\r\nX-Moesif-Rules-Tag: 1\r\n"
                writer.write(
                    b"HTTP/1.1 %d OK\r\nContent-Type: application/json\r\n%sContent-Length: %d\r\n\r\n%s"
                    % (status, tags, len(reply), reply)
                )
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


async def main() -> None:
    server = await asyncio.start_server(Counter(stall="--stall" in sys.argv).serve, "127.0.0.1", 0, limit=1 << 26)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
