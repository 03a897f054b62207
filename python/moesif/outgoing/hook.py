"""Replaces ``requests.Session.send``, which every call made with requests goes through.

The replacement calls the original, and returns or raises the same objects. A fault in this module costs the record,
never the call.
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
from typing import TYPE_CHECKING, Any, NamedTuple

from moesif import _native
from moesif.delivery import before_flush
from moesif.outgoing.bodies import RecordedRequest, record_response
from moesif.outgoing.failures import ignoring_failures, part

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextvars import Token
    from types import TracebackType
    from typing import TypeAlias

    #: Returns the settings for a call that is made where this is called.
    Choose: TypeAlias = Callable[[], "Choice"]
    Send: TypeAlias = Callable[..., Any]

__all__ = ["Choice", "finish_abandoned", "install", "remove"]

_logger = logging.getLogger("moesif.outgoing")


class Choice(NamedTuple):
    """How a call is captured (``None``: not at all), and the transaction id of the call that is being served."""

    capture: _native.OutgoingCapture | None
    incoming: str | None


#: What is being sent in this context, outermost first. A context that is copied meanwhile may outlive the entries.
_SENDING: ContextVar[tuple[_Sending, ...]] = ContextVar("moesif_sending", default=())

#: Stands for a session while our code, or a function of the settings, runs. What they send is not recorded.
_OURSELVES = object()

#: How many wrappers are looked through. A limit, because a chain could be circular.
_MOST_WRAPPERS = 100

#: How many causes of an exception are looked at. A limit, because a chain could be circular.
_MOST_CAUSES = 10

#: The classes whose ``send`` is replaced. There is more than one after requests has been reloaded.
_hooked: list[Any] = []

#: Attribute of a replacement that holds its ``_Mark``.
_MARK = "__moesif_hook__"


class _Mark(NamedTuple):
    """Tells a replacement of ours from a function that has copied all its attributes."""

    replacement: Send
    #: What the class had before: a function, a wrapt wrapper, a mock, a ``partialmethod`` or any other object.
    original: Any


def install(choose: Choose) -> bool:
    """Replace ``send`` in each class, unless our replacement is there already, perhaps in a wrapper of other code.

    Returns ``False`` and logs a warning if requests is missing.
    """
    try:
        sessions = importlib.import_module("requests.sessions")
    except Exception as error:
        _logger.warning(
            "requests is not installed, and outgoing calls are not captured (pip install requests): %s", error
        )
        return False
    # After requests.sessions is reloaded, its class and the one in requests differ.
    for session in {sessions.Session, sys.modules["requests"].Session}:
        # The name may hold a subclass: hook the class of requests that it inherits ``send`` from.
        for owner in getattr(session, "__mro__", ()):
            send = vars(owner).get("send")
            if send is None or owner.__module__ != sessions.__name__:
                continue
            if not _leads_to_ours(send):
                owner.send = _replacement(send, choose)
            if owner not in _hooked:
                _hooked.append(owner)
    return True


def remove() -> None:
    """Put the original ``send`` back. If other code has wrapped ours, ours stays and only calls the original."""
    while _hooked:
        owner = _hooked.pop()
        mark = _mark_of(vars(owner).get("send"))
        if mark is not None:
            owner.send = mark.original


def _mark_of(send: Any) -> _Mark | None:
    """Return the mark of a replacement of ours, ``None`` for anything else."""
    mark: _Mark | None = getattr(send, _MARK, None)
    # A wrapper around our function may have a copy of all its attributes.
    return mark if mark is not None and mark.replacement is send else None


def _leads_to_ours(send: Any) -> bool:
    """Return whether this is ours, or wraps ours and says so with ``__wrapped__``, as functools and wrapt do."""
    for _ in range(_MOST_WRAPPERS):
        if send is None or _mark_of(send) is not None:
            break
        send = getattr(send, "__wrapped__", None)
    return _mark_of(send) is not None


def _bound(function: Any, instance: Any) -> Send:
    """Return an attribute of a class as its instance has it. An object that is no descriptor stays as it is."""
    bind = getattr(type(function), "__get__", None)
    bound: Send = function if bind is None else bind(function, instance, type(instance))
    return bound


def _replacement(original: Any, choose: Choose, most_wrappers: int = _MOST_WRAPPERS) -> Send:
    @functools.wraps(original)
    def send(self: Any, *arguments: Any, **keywords: Any) -> Any:
        call_original = _bound(original, self)
        request = arguments[0] if arguments else keywords.get("request")
        if request is None or (_SENDING.get() and _is_part_of_another(self, request, send)):
            return call_original(*arguments, **keywords)
        recorded = _begin(choose, request)
        if recorded is None:
            return call_original(*arguments, **keywords)
        sending = _Sending(self, request, send)
        try:
            with sending:
                response = call_original(*arguments, **keywords)
        except BaseException as error:
            _record(_failed, recorded, error, sending.sent)
            raise
        _record(_responded, recorded, response, keywords.get("stream", getattr(self, "stream", False)))
        return response

    setattr(send, _MARK, _Mark(send, original))
    # To remove their wrapper, ddtrace and OpenTelemetry store the ``__wrapped__`` of the outermost function in the
    # class. If that function is ours, this must be a replacement too: one around what they had wrapped.
    below = getattr(original, "__wrapped__", None)
    if below is not None and most_wrappers:
        send.__wrapped__ = _replacement(below, choose, most_wrappers - 1)
    return send


def _is_part_of_another(session: object, request: Any, replacement: Send) -> bool:
    """Return whether a request belongs to a call that is being sent already, or is our own.

    A session follows redirects, and a hook of requests may send the same request again: both are part of the call.
    Other requests of the session, sent from a hook or while a body is generated, are calls of their own. So are those
    of other sessions. ``replacement`` is the function that asks: a wrapper without ``__wrapped__`` between two of ours
    hides the inner one, which then gets the same call once more.
    """
    sending = _SENDING.get()
    if any(one.session is _OURSELVES for one in sending):
        return True
    outer = next((one for one in reversed(sending) if one.session is session), None)
    if outer is None:
        return False
    if outer.replacement is not replacement:
        return True
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
    """Return whether ``resolve_redirects`` of requests has called ``send``. Only the stack shows that."""
    ours = sys._getframe(2)  # noqa: SLF001 - nothing else shows it
    frame = ours.f_back
    # The ``send`` of a subclass may be between the two, but not another call.
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
        finish_abandoned()
        with _Sending(_OURSELVES):
            call = capture.begin(request, incoming)
        return None if call is None else RecordedRequest(call, request, body_limit=capture.body_limit)
    except Exception as error:
        _report(error)
        return None


def _record(work: Callable[..., None], recorded: RecordedRequest, *arguments: object) -> None:
    """Record the outcome of a call. If an exit or a time limit ends this, end the record and raise that."""
    try:
        _guarded(work, recorded, *arguments)
    except BaseException:
        # The host may keep the exception, and with it everything that would end the record later.
        recorded.call.interrupt()
        raise


def _failed(recorded: RecordedRequest, error: BaseException, sent: tuple[object, object]) -> None:
    response = None
    try:
        response = _carried_response(error, sent)
    finally:
        recorded.restore(error, response)
    if response is None:
        recorded.call.fail(recorded.request, error)
    else:
        recorded.call.set_error(error)
        _record_as_read(recorded, response)


def _responded(recorded: RecordedRequest, response: Any, is_stream: object) -> None:
    recorded.restore(response)
    if is_stream:
        _record_as_read(recorded, response)
        return
    # requests has read the content already: this returns what it keeps.
    recorded.call.content(part(response, "content"))
    if recorded.call.respond(recorded.request, response):
        recorded.call.end(is_whole=True)


def _record_as_read(recorded: RecordedRequest, response: Any) -> None:
    """Record a response with a body that the application may still read."""
    # Before the functions are called: what they read of the response is recorded too.
    recording = record_response(recorded.call, response, _ended)
    is_wanted = False
    try:
        is_wanted = recorded.call.respond(recorded.request, response)
    finally:
        recording.release(is_wanted=is_wanted)


def _carried_response(error: BaseException, sent: tuple[object, object]) -> Any:
    """Return the response that an exception, or an explicit cause of it, carries. ``None`` if there is none.

    ``sent`` is the method and URL that were sent last. A response to another request does not belong to this call: a
    hook may have made a call of its own, and its response raised the exception.
    """
    carrier: BaseException | None = error
    # The implicit context may be older than this call: the caller may be handling the failure of an earlier one.
    for _ in range(_MOST_CAUSES):
        if carrier is None:
            break
        with ignoring_failures:  # exceptions of the application may have properties that fail
            response = carrier.response  # type: ignore[attr-defined] # the next line checks
            if isinstance(response, sys.modules["requests"].Response):
                request = response.request
                if request is None or (request.method, request.url) == sent:
                    return response
        carrier = carrier.__cause__
    return None


#: Calls whose response was freed before it was read to its end. A finaliser may run anywhere, with any lock held, so it
#: must not call MASK_EVENT_MODEL. The calls wait here until our code runs next. If there are more than this, the oldest
#: is recorded without its content.
_abandoned: deque[_native.OutgoingCall] = deque(maxlen=64)


def _ended(call: _native.OutgoingCall, *, is_whole: bool, is_abandoned: bool) -> None:
    """End the record of a streamed response."""
    if is_abandoned and call.abandon_response():
        _abandoned.append(call)
    else:
        _guarded(call.end, is_whole)


def finish_abandoned() -> None:
    """End the records of responses that were freed before they were read, and mask them."""
    while _abandoned:
        with suppress(IndexError):  # another thread has taken the last one
            _guarded(_abandoned.popleft().end, False)  # noqa: FBT003 - not whole


before_flush.append(finish_abandoned)
# At exit no function of the settings is called any more.
atexit.register(_abandoned.clear)


class _Sending:
    """A span in which a session, or our own code, is sending. ``session`` is ``None`` once the span has ended."""

    def __init__(self, session: object, request: Any = None, replacement: Send | None = None) -> None:
        self.session: object = session
        #: The replacement of ``send`` that records the call.
        self.replacement = replacement
        #: Method and URL that the session has sent last.
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
    """Run our own code. Logs an ``Exception``. An exit or a time limit in a function of the settings propagates."""
    try:
        with _Sending(_OURSELVES):
            work(*arguments)
    except Exception as error:
        _report(error)


_faults: list[str] = []


def _report(error: Exception) -> None:
    """Log the first fault of our own code. Raises an exception that was raised into it."""
    if _native.is_interruption(error):
        raise error
    if not _faults:
        _faults.append(str(error))
        _logger.error(
            "an outgoing call is recorded in part because of a fault in this package: please report it. "
            "Further faults are not logged",
            exc_info=error,
        )
