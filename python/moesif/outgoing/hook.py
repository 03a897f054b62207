"""The one place every call made with requests passes: ``requests.Session.send``.

The function that stands in for it does what the other does, and returns or raises the same objects. A fault in here
costs the record, never the call.
"""

from __future__ import annotations

import atexit
import functools
import importlib
import logging
import sys
from collections import deque
from contextlib import suppress
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from moesif.delivery import before_flush
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

__all__ = ["finish_those_let_go", "install", "remove"]

_logger = logging.getLogger("moesif.outgoing")

#: What is being sent here, outermost first. What is started meanwhile gets a copy, which may outlive it.
_SENDING: ContextVar[tuple[_Sending, ...]] = ContextVar("moesif_sending", default=())

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
        # Somebody may have put a subclass there: every session passes what that one is made of.
        for owner in getattr(session, "__mro__", ()):
            send = vars(owner).get("send")
            if send is None or owner.__module__ != sessions.__name__:
                continue
            if not _is_ours(send):
                owner.send = _standing_in(send, choose)
            if owner not in _hooked:
                _hooked.append(owner)
    return True


def remove() -> None:
    """Put back what was there. Where somebody else stands in for our function by now, it stays, and only passes on."""
    while _hooked:
        owner = _hooked.pop()
        send = vars(owner).get("send")
        if _is_ours(send):
            owner.send = send.__wrapped__


def _is_ours(send: Any) -> bool:
    # A function around ours may have been given all of its attributes.
    return getattr(send, _MARK, None) is send


def _standing_in(original: Send, choose: Choose) -> Send:
    @functools.wraps(original)
    def send(self: Any, request: Any, **kwargs: Any) -> Any:
        if _SENDING.get() and _is_part_of_another(self, request):
            return original(self, request, **kwargs)
        recorded = _begin(choose, request)
        if recorded is None:
            return original(self, request, **kwargs)
        try:
            with _Sending(self, request):
                response = original(self, request, **kwargs)
        except BaseException as error:
            _guarded(_failed, recorded, error)
            raise
        _guarded(_responded, recorded, response, kwargs.get("stream", getattr(self, "stream", False)))
        return response

    setattr(send, _MARK, send)
    return send


def _is_part_of_another(session: object, request: Any) -> bool:
    """Tell whether what is sent belongs to a call that is being sent, or is our own.

    A session follows redirects, and a hook that tries again sends the same once more. What it sends besides, from a
    hook or while a body is generated, are calls of their own, and so are those of other sessions.
    """
    sending = _SENDING.get()
    if any(one.session is _OURSELVES for one in sending):
        return True
    outer = next((one for one in reversed(sending) if one.session is session), None)
    if outer is None:
        return False
    try:
        sent = (request.method, request.url)
        is_part = outer.sent == sent or _is_redirect()
    except Exception as error:
        _report(error)
        return True
    if is_part:
        outer.sent = sent
    return is_part


def _is_redirect() -> bool:
    """Tell whether ``send`` was called by what follows redirects: there is no other sign of it."""
    ours = sys._getframe(2)  # noqa: SLF001 - nothing else tells
    frame = ours.f_back
    # Between the two there may be the ``send`` of a subclass, but not another call.
    while frame is not None and frame.f_code is not ours.f_code and frame.f_code.co_name != "request":
        if frame.f_code.co_name == "resolve_redirects":
            return True
        frame = frame.f_back
    return False


def _begin(choose: Choose, request: Any) -> RecordedRequest | None:
    try:
        capture, incoming = choose()
        if capture is None:
            return None
        finish_those_let_go()
        with _Sending(_OURSELVES):
            call = capture.begin(request, incoming)
        return None if call is None else RecordedRequest(call, request, body_limit=capture.body_limit)
    except Exception as error:
        _report(error)
        return None


def _failed(recorded: RecordedRequest, error: BaseException) -> None:
    recorded.restore(error)
    recorded.call.fail(recorded.request, error)


def _responded(recorded: RecordedRequest, response: Any, is_stream: object) -> None:
    recorded.restore(response)
    call = recorded.call
    if not is_stream:
        # It has been read: asking for it again reads nothing.
        call.content(response.content)
        if call.respond(recorded.request, response):
            call.end(is_whole=True)
        return
    # Whatever a function reads of it has been read.
    recording = record_response(call, response, _ended)
    is_wanted = False
    try:
        is_wanted = call.respond(recorded.request, response)
    finally:
        recording.release(is_wanted=is_wanted)


#: Calls whose response was let go. A finaliser runs anywhere, below whatever locks, and so no function of the settings
#: in one: they wait here for the next time we are called. Beyond these the oldest is recorded without its content.
_let_go: deque[_native.OutgoingCall] = deque(maxlen=64)


def _ended(call: _native.OutgoingCall, *, is_whole: bool, is_let_go: bool) -> None:
    """End the record of a response that was read by and by."""
    if is_let_go and call.let_go():
        _let_go.append(call)
    else:
        _guarded(call.end, is_whole)


def finish_those_let_go() -> None:
    """End the records of responses that were let go, and mask them."""
    while _let_go:
        with suppress(IndexError):  # another thread has taken the last one
            _guarded(_let_go.popleft().end, False)  # noqa: FBT003 - not whole


before_flush.append(finish_those_let_go)
# Functions are not called any more then.
atexit.register(_let_go.clear)


class _Sending:
    """The span in which a session, or we, are sending. What has ended has no session."""

    def __init__(self, session: object, request: Any = None) -> None:
        self.session: object = session
        #: What it has sent last.
        self.sent = (getattr(request, "method", None), getattr(request, "url", None))
        self._token: Token[tuple[_Sending, ...]] | None = None

    def __enter__(self) -> None:
        self._token = _SENDING.set((*(one for one in _SENDING.get() if one.session is not None), self))

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self.session = None
        if self._token is not None:
            _SENDING.reset(self._token)
            self._token = None


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
