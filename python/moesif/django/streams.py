"""Streaming responses: each chunk is recorded as it passes, and the record ends with the stream."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from moesif.serving import leave

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

    from moesif import _native

__all__ = ["record_stream"]


def record_stream(
    response: Any,
    call: _native.DjangoCall,
    end: Callable[[], None],
    end_async: Callable[[], Awaitable[None]],
) -> None:
    """Replace a response's content by a recording iterator. It calls one of ``end`` and ``end_async``, once.

    Django closes the iterator with the response, even if not all of it was sent.
    """
    if getattr(response, "is_async", False):
        response.streaming_content = _AsyncStream(aiter(response.streaming_content), call, end, end_async)
    else:
        response.streaming_content = _Stream(iter(response.streaming_content), call, end)


class _Ending:
    """Ends the record of a stream once."""

    def __init__(self, call: _native.DjangoCall, end: Callable[[], None]) -> None:
        self._call = call
        self._end = end
        self._has_ended = False

    def close(self) -> None:
        if self._has_ended:
            return
        self._has_ended = True
        serving = self._call.enter()
        try:
            self._end()
        finally:
            leave(serving)


class _Stream(_Ending):
    def __init__(self, chunks: Iterator[bytes], call: _native.DjangoCall, end: Callable[[], None]) -> None:
        super().__init__(call, end)
        self._chunks = chunks

    def __iter__(self) -> _Stream:
        return self

    def close(self) -> None:
        # The iterator may refer to the response: drop it, so that there is no cycle.
        self._chunks = iter(())
        super().close()

    def __next__(self) -> bytes:
        serving = self._call.enter()
        try:
            chunk = next(self._chunks)
        except StopIteration:
            self._call.finish()
            raise
        except BaseException:
            self._call.fail()
            raise
        finally:
            leave(serving)
        self._call.chunk(chunk)
        return chunk


class _AsyncStream(_Ending):
    def __init__(
        self,
        chunks: AsyncIterator[bytes],
        call: _native.DjangoCall,
        end: Callable[[], None],
        end_async: Callable[[], Awaitable[None]],
    ) -> None:
        super().__init__(call, end)
        self._chunks = chunks
        self._end_async = end_async

    def __aiter__(self) -> _AsyncStream:
        return self

    def close(self) -> None:
        self._chunks = _no_chunks()
        super().close()

    async def __anext__(self) -> bytes:
        serving = self._call.enter()
        try:
            chunk = await anext(self._chunks)
        except StopAsyncIteration:
            # Functions can be awaited here, but not when the response is closed.
            if not self._has_ended:
                self._has_ended = True
                await self._end_async()
            raise
        except (asyncio.CancelledError, GeneratorExit):
            raise
        except BaseException:
            self._call.fail()
            raise
        finally:
            leave(serving)
        self._call.chunk(chunk)
        return chunk


async def _no_chunks() -> AsyncIterator[bytes]:
    for chunk in list[bytes]():
        yield chunk
