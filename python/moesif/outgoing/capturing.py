"""Starts and stops the capture of outgoing calls, and chooses the settings for each call.

A call made while a middleware serves a request is captured with the settings of that middleware, if it captures
outgoing calls. So two applications in one process do not mix. Every other call is captured with the settings that the
program gave to ``start``, or else with those of the newest middleware.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Literal

from moesif import _native
from moesif.outgoing import hook
from moesif.outgoing.hook import Choice
from moesif.serving import SERVING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from moesif.options import MoesifSettings

__all__ = ["StartCapture", "start", "start_for_middleware", "stop"]


class _Captures:
    """What has been started. Replaced and never changed, so that a call reads it without a lock."""

    def __init__(
        self,
        own: _native.OutgoingCapture | None = None,
        of_middlewares: dict[_native.Destination, _native.OutgoingCapture] | None = None,
    ) -> None:
        self.own = own
        self.of_middlewares = of_middlewares or {}
        self.default = own or next(reversed(self.of_middlewares.values()), None)


_lock = threading.Lock()
_captures = _Captures()


def start(settings: MoesifSettings | Mapping[str, Any] | None = None) -> None:
    """Capture the calls made with requests from now on: everything that goes through ``requests.Session.send``.

    ``settings`` has the options of a middleware. Of its functions, those that end in ``_OUTGOING`` are called, and
    ``MASK_EVENT_MODEL``. Starting again replaces the settings. Opens no connection and starts no thread: both happen
    with the first call. If requests is not installed, logs a warning and does nothing.

    Raises ``ValueError`` if ``APPLICATION_ID`` is missing or an option cannot take its value, ``TypeError`` if
    ``settings`` is not a mapping.
    """
    capture = _native.OutgoingCapture(settings, "outgoing")
    with _lock:
        _use(_Captures(capture, _captures.of_middlewares))


def start_for_middleware(settings: Mapping[str, Any] | None, integration: Literal["wsgi", "django"]) -> None:
    """Capture the calls made while a middleware with these settings serves a request. The settings are valid."""
    capture = _native.OutgoingCapture(settings, integration)
    with _lock:
        others = {key: other for key, other in _captures.of_middlewares.items() if key != capture.destination}
        _use(_Captures(_captures.own, {**others, capture.destination: capture}))


def stop() -> None:
    """Stop capturing outgoing calls, also those of middlewares. Puts the original ``requests.Session.send`` back.

    Responses that are still being read are recorded to their end. Does nothing if nothing has been started.
    """
    global _captures  # noqa: PLW0603 - replaced as a whole, so readers need no lock
    with _lock:
        _captures = _Captures()
        _native.link_outgoing_calls(are_captured=False)
        hook.remove()
    hook.finish_abandoned()


class StartCapture:
    """Starts and stops capturing, with the interface of the moesifpythonrequest package."""

    def start_capture_outgoing(self, options: MoesifSettings | Mapping[str, Any]) -> None:
        """Start capturing: ``moesif.outgoing.start``."""
        start(options)

    def stop_capture_outgoing(self) -> None:
        """Stop capturing: ``moesif.outgoing.stop``."""
        stop()


def _use(captures: _Captures) -> None:
    global _captures  # noqa: PLW0603 - replaced as a whole, so readers need no lock
    if hook.install(_choose):
        _captures = captures
        _native.link_outgoing_calls(are_captured=True)


def _choose() -> Choice:
    """Choose the settings for a call that is made in this context."""
    captures = _captures
    serving = SERVING.get()
    if serving is None or serving.has_ended:
        return Choice(captures.default, None)
    return Choice(captures.of_middlewares.get(serving.destination, captures.own), serving.transaction_id)
