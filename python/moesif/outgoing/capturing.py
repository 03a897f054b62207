"""Starting and stopping, and whose settings apply to a call.

What a middleware has started is for the calls made while it serves one, so that two applications in a process do not
mix; calls made outside of any are those of the last that was started. What a program has started by itself is for every
call but those made while such a middleware serves one.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Literal

from moesif import _native
from moesif.outgoing import hook
from moesif.serving import SERVING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from moesif.options import MoesifSettings
    from moesif.serving import Destination

__all__ = ["StartCapture", "start", "start_for_middleware", "stop"]


class _Captures:
    """What has been started. Never changed: replaced, so that a call reads it without a lock."""

    def __init__(
        self,
        own: _native.OutgoingCapture | None = None,
        of_middlewares: dict[Destination, _native.OutgoingCapture] | None = None,
    ) -> None:
        self.own = own
        self.of_middlewares = of_middlewares or {}
        self.last = own or next(reversed(self.of_middlewares.values()), None)


_lock = threading.Lock()
_captures = _Captures()


def start(settings: MoesifSettings | Mapping[str, Any] | None = None) -> None:
    """Capture the calls made with requests from now on, by whichever way leads to ``requests.Session.send``.

    ``settings`` are those of a middleware; of its functions those that end in ``_OUTGOING`` are asked, and
    ``MASK_EVENT_MODEL``. Starting again replaces the settings. Opens no connection and starts no thread: both happen
    with the first call. Where requests is not installed a warning is logged, and nothing else happens.

    Raises ``ValueError`` when ``APPLICATION_ID`` is missing or a value is one the option cannot take, ``TypeError``
    when ``settings`` is no mapping.
    """
    capture = _native.OutgoingCapture(settings, "outgoing")
    with _lock:
        _use(_Captures(capture, _captures.of_middlewares))


def start_for_middleware(settings: Mapping[str, Any] | None, integration: Literal["wsgi", "django"]) -> None:
    """Capture the calls made while a middleware with these settings serves one. They have been checked."""
    capture = _native.OutgoingCapture(settings, integration)
    with _lock:
        others = {key: other for key, other in _captures.of_middlewares.items() if key != capture.destination}
        _use(_Captures(_captures.own, {**others, capture.destination: capture}))


def stop() -> None:
    """Capture no outgoing calls any more, whoever has started it. ``requests.Session.send`` is again what it was.

    Responses that are still being read are recorded to their end. Stopping what has not been started changes nothing.
    """
    global _captures  # noqa: PLW0603 - a reader takes it whole
    with _lock:
        _captures = _Captures()
        _native.link_outgoing_calls(are_captured=False)
        hook.remove()
    hook.finish_those_let_go()


class StartCapture:
    """The way in of the moesifpythonrequest package."""

    def start_capture_outgoing(self, options: MoesifSettings | Mapping[str, Any]) -> None:
        """Start capturing: ``moesif.outgoing.start``."""
        start(options)

    def stop_capture_outgoing(self) -> None:
        """Stop capturing: ``moesif.outgoing.stop``."""
        stop()


def _use(captures: _Captures) -> None:
    global _captures  # noqa: PLW0603 - a reader takes it whole
    if hook.install(_capture_here):
        _captures = captures
        _native.link_outgoing_calls(are_captured=True)


def _capture_here() -> tuple[_native.OutgoingCapture | None, str | None]:
    """Return whose settings apply to a call made here, and the id of the call that is being served, if one is."""
    captures = _captures
    serving = SERVING.get()
    if serving is None or serving.has_ended:
        return captures.last, None
    return captures.of_middlewares.get(serving.destination, captures.own), serving.transaction_id
