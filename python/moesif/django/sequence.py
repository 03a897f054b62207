"""Which functions are called about a call.

The order of the options, what a failure costs and what is logged about it come from ``_native.Step``, which WSGI uses
too. Django adds defaults: its own user and session answer where the settings have no function.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from moesif import _native
from moesif.django.functions import Function, Mask, UserLookup
from moesif.django.invocations import DefaultInvocation, Invocation
from moesif.django.users import NOBODY, UNKNOWN, carried_user, has_session, session_key, username

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import TypeAlias

    from moesif.django.invocations import Invocations, Question

    #: Returns what to call in place of a function of the settings: takes a request, its call and ``is_early``.
    Default: TypeAlias = Callable[..., Invocation | None]

__all__ = ["Functions"]

_SKIP = _native.Step.Skip
_USER = _native.Step.User
_SESSION_TOKEN = _native.Step.SessionToken
_MASK = _native.Step.Mask


class Functions:
    """The functions of one set of settings."""

    def __init__(self, settings: Mapping[str, Any], *, looks_up_user: bool) -> None:
        self._lookup = UserLookup() if looks_up_user else None
        self._username = Function(_native.FailureLog("request.user.username", "the user's name"), username)
        self._session_key = Function(
            _native.FailureLog("request.session.session_key", "the session token"), session_key
        )
        mask = settings.get(_MASK.option)
        self._mask = Mask(_MASK.failure_log(), mask) if callable(mask) else None
        #: Steps that have a function or a default, in order.
        self._sequence: list[tuple[_native.Step, Function | None, Default | None]] = []
        for step in _native.Step.SEQUENCE:
            given = settings.get(step.option)
            function = Function(step.failure_log(), given) if callable(given) else None
            default: Default | None = None
            if step == _USER:
                default = self._default_user
            elif step == _SESSION_TOKEN and function is None:
                default = self._default_session_token
            if function or default:
                self._sequence.append((step, function, default))

    def ask(self, call: _native.DjangoCall, request: Any, response: Any) -> Question:
        """Ask about a call that has a response, or has failed. The result is whether the call is wanted."""
        return self._ask(call, request, response, is_early=False)

    def ask_early(self, call: _native.DjangoCall, request: Any) -> Invocations:
        """Ask before the view who makes the call, as far as governance rules need it. There is no response yet."""
        try:
            yield from self._ask(call, request, None, is_early=True)
        finally:
            call.restore_body(request)

    def _ask(self, call: _native.DjangoCall, request: Any, response: Any, *, is_early: bool) -> Question:
        both = (request, response)
        # Without rules nothing was asked before the view, and every step is needed.
        is_governed = call.is_governed
        for step, function, default in self._sequence:
            if is_governed and not call.needs(step, is_early):
                continue
            is_answered = False
            if function:
                if is_early:
                    call.rewind_body(request)
                is_answered = yield Invocation(function, both, call, step, is_early)
                if is_answered and step == _SKIP:
                    return False
            if default and not is_answered:
                invocation = default(request, call, is_early=is_early)
                if invocation is not None:
                    yield invocation
        return True

    def end(self, call: _native.DjangoCall) -> Invocations:
        """Hand a record over, masked if the settings have a mask."""
        if call.end() and self._mask:
            yield Invocation(self._mask, (call,), call, _MASK, is_early=False)
            call.deliver()

    def _default_user(self, request: Any, call: _native.DjangoCall, *, is_early: bool) -> Invocation | None:
        if "user" not in request.__dict__:
            return None
        user = carried_user(request)
        if user is NOBODY:
            return None
        if user is not UNKNOWN:
            return DefaultInvocation(self._username, (user,), call, _USER, is_early)
        if self._lookup is None or not has_session(request):
            return None
        return DefaultInvocation(self._lookup, (request,), call, _USER, is_early)

    def _default_session_token(self, request: Any, call: _native.DjangoCall, *, is_early: bool) -> Invocation | None:
        if "session" not in request.__dict__ or not has_session(request):
            return None
        return DefaultInvocation(self._session_key, (request,), call, _SESSION_TOKEN, is_early)
