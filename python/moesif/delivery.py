"""Delivery of the recorded calls: waiting for it, and its statistics."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, TypedDict

from moesif import _native

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


class Stats(TypedDict):
    """Statistics of this process. Counts are of calls unless the key says otherwise.

    At every moment ``captured`` equals ``sent`` + ``sampled_out`` + ``skipped`` + all values of ``dropped`` +
    ``queued`` + ``in_flight`` + ``spooled``.
    """

    #: Calls whose response has ended.
    captured: int
    #: Calls whose event a collector has acknowledged.
    sent: int
    #: Calls that sampling left out.
    sampled_out: int
    #: Calls that ``SKIP`` or ``SKIP_OUTGOING`` left out.
    skipped: int
    #: Lost calls, by reason.
    dropped: Mapping[str, int]
    #: Calls that wait in the queue.
    queued: int
    #: Calls in a batch that is being sent, or that waits for its next attempt.
    in_flight: int
    #: Always 0 in this version.
    spooled: int
    #: Bytes of ``EVENT_QUEUE_BYTES`` in use, including the bodies of running requests.
    queue_bytes: int
    #: Bodies that events were sent without, because memory was short or a mask could not be applied.
    bodies_removed: int
    #: How often a function of the settings failed.
    callback_failures: int
    #: When a collector last acknowledged events, in seconds since the epoch.
    last_success: float | None
    #: Why the last failed upload failed.
    last_error: str | None
    #: Whether events are being sent. ``closed``: yes. ``half_open``: one batch is being tried. ``open``: the
    #: collector fails, and delivery pauses. ``refused``: the collector does not accept this
    #: ``APPLICATION_ID`` or ``BASE_URI``.
    breaker: Literal["closed", "half_open", "open", "refused"]


#: Functions that ``flush`` calls first. They finish records that are complete but not queued yet.
before_flush: list[Callable[[], None]] = []


def flush(timeout: float | None = None) -> bool:
    """Wait until every call that this process has recorded so far is delivered or counted as dropped.

    ``timeout`` is in seconds. ``None`` means the longest ``FLUSH_TIMEOUT`` of the middlewares in this
    process. Returns whether all calls were settled in time. Other Python threads run meanwhile.

    Call it in processes that end without running exit handlers, such as children that end with ``os._exit``.

    Raises ``ValueError`` if ``timeout`` is negative, infinite or not a number.
    """
    for finish_records in before_flush:
        finish_records()
    return _native.flush(timeout)


def stats() -> Stats:
    """Return the statistics of this process. Counting starts again at zero in the child of a fork."""
    return _native.stats()
