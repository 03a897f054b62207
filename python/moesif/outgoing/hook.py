"""The one place every call made with requests passes: ``requests.Session.send``.

The function that stands in for it does what the other does, and returns or raises the same objects. A fault in here
costs the record, never the call.
"""

from __future__ import annotations

import functools
import importlib
import logging
import sys
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from moesif.outgoing.bodies import RecordedRequest, record_response

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextvars import Token
    from types import TracebackType
    from typing import TypeAlias

    from moesif import _native

    #: Whose settings apply to a call that is made where this is called, and the id of the call that is being served.
    Choose: TypeAlias = Callable[[], tuple[_native.OutgoingCapture | None, str | None]]
    Send: TypeAlias = Callable[..., Any]

__all__ = ["install", "remove"]

_logger = logging.getLogger("moesif.outgoing")

#: The sessions that are sending here, outermost first: what one of them sends meanwhile, a redirect, is part of it.
#: A session that is not among them, used by a hook of the application, makes a call of its own.
_SENDING: ContextVar[tuple[object, ...]] = ContextVar("moesif_sending", default=())

#: Stands for a session while we, and the functions of the settings, are at work: what is sent meanwhile is not kept.
_OURSELVES = object()

#: The classes whose ``send`` is ours. After a reload of requests there is more than one.
_hooked: list[Any] = []

_MARK = "__moesif_hook__"


def install(choose: Choose) -> bool:
    """Stand in for ``send``, unless that is done already. Returns whether there is such a thing, and says if not."""
    try:
        sessions = importlib.import_module("requests.sessions")
    except Exception as error:
        _logger.warning(
            "requests is not installed, and outgoing calls are not captured (pip install requests): %s", error
        )
        return False
    # A reloaded requests.sessions has a class that requests itself does not know.
    for session in {sessions.Session, sys.modules["requests"].Session}:
        if not _is_ours(session.send):
            session.send = _standing_in(session.send, choose)
        if session not in _hooked:
            _hooked.append(session)
    return True


def remove() -> None:
    """Put back what was there. Where somebody else stands in for our function by now, it stays, and only passes on."""
    while _hooked:
        session = _hooked.pop()
        if _is_ours(session.send):
            session.send = session.send.__wrapped__


def _is_ours(send: Any) -> bool:
    # A function around ours may have been given all of its attributes.
    return getattr(send, _MARK, None) is send


def _standing_in(original: Send, choose: Choose) -> Send:
    @functools.wraps(original)
    def send(self: Any, request: Any, **kwargs: Any) -> Any:
        sending = _SENDING.get()
        if sending and any(one is self or one is _OURSELVES for one in sending):
            return original(self, request, **kwargs)
        recorded = _begin(choose, request)
        if recorded is None:
            return original(self, request, **kwargs)
        try:
            with _Sending(self):
                response = original(self, request, **kwargs)
        except BaseException as error:
            _guarded(_failed, recorded, error)
            raise
        _guarded(_responded, recorded, response, kwargs.get("stream", getattr(self, "stream", False)))
        return response

    setattr(send, _MARK, send)
    return send


def _begin(choose: Choose, request: Any) -> RecordedRequest | None:
    try:
        capture, incoming = choose()
        if capture is None:
            return None
        with _Sending(_OURSELVES):
            call = capture.begin(request, incoming)
        return None if call is None else RecordedRequest(call, request, is_body_wanted=capture.log_body)
    except Exception as error:
        _report(error)
        return None


def _failed(recorded: RecordedRequest, error: BaseException) -> None:
    recorded.restore(error)
    recorded.call.fail(recorded.request, error)


def _responded(recorded: RecordedRequest, response: Any, is_stream: object) -> None:
    recorded.restore(response, *(getattr(response, "history", None) or ()))
    call = recorded.call
    if not is_stream:
        # It has been read: asking for it again reads nothing.
        call.content(response.content)
        if call.respond(recorded.request, response):
            call.end(is_whole=True)
    elif call.respond(recorded.request, response):
        record_response(call, response, _ended)


def _ended(call: _native.OutgoingCall, *, is_whole: bool) -> None:
    """End the record of a response that was read by and by."""
    _guarded(call.end, is_whole)


class _Sending:
    """The span in which a session, or we, are sending."""

    def __init__(self, session: object) -> None:
        self._session = session
        self._token: Token[tuple[object, ...]] | None = None

    def __enter__(self) -> None:
        self._token = _SENDING.set((*_SENDING.get(), self._session))

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        if self._token is not None:
            _SENDING.reset(self._token)


def _guarded(work: Callable[..., None], *arguments: object) -> None:
    """Do work of ours. An exit in a function of the settings goes on its way."""
    try:
        with _Sending(_OURSELVES):
            work(*arguments)
    except Exception as error:
        _report(error)


_faults: list[str] = []


def _report(error: Exception) -> None:
    if not _faults:
        _faults.append(str(error))
        _logger.error(
            "an outgoing call is recorded in part because of a fault in this package: please report it. "
            "Further faults are not logged",
            exc_info=error,
        )
