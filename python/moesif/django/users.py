"""Finds the user of a request without side effects.

Django looks ``request.user`` up when it is first used. That loads the session and marks it as accessed, so the response
varies by cookie; and it deletes an invalid session. Recording a call must not do that (``docs/guarantees.md``, I-12).
So a user who is known already is read from where Django keeps them. Another is looked up with a copy of the session
that cannot be changed.
"""

from __future__ import annotations

import copy
from types import SimpleNamespace
from typing import Any

from django.utils.functional import LazyObject, empty

from moesif import _native

try:
    from asgiref.sync import sync_to_async
except ImportError:
    sync_to_async: Any = None  # type: ignore[no-redef]

#: The user has not been looked up yet.
UNKNOWN = object()
#: The request has no user.
NOBODY = object()

#: The key of the user in a session: ``django.contrib.auth.SESSION_KEY``, which only projects with users can import.
SESSION_KEY = "_auth_user_id"

_AUTH_MIDDLEWARE = "django.contrib.auth.middleware"


def carried_user(request: Any) -> object:
    """Return the user of a request if Django has looked them up, else ``UNKNOWN`` or ``NOBODY``."""
    attributes = request.__dict__
    user = attributes.get("user", NOBODY)
    if isinstance(user, LazyObject):
        lazy = user.__dict__
        user = lazy.get("_wrapped", empty)
        if user is empty:
            # Not looked up as request.user. An asynchronous view uses auser(), which keeps the user elsewhere; or we
            # have found the user ourselves.
            found = getattr(lazy.get("_setupfunc"), "found", UNKNOWN)
            user = attributes.get("_acached_user", attributes.get("_cached_user", found))
    return NOBODY if user is None else user


def username(user: Any) -> Any:
    """Return the name of a user, which the record takes as text, or ``None`` if they are not logged in."""
    is_authenticated = user.is_authenticated
    # A method before Django 1.10.
    if not (is_authenticated() if callable(is_authenticated) else is_authenticated):
        return None
    name = getattr(user, "username", None)
    return user.get_username() if name is None else name


def session_key(request: Any) -> str | None:
    """Return the key of the request's session. This does not load the session."""
    return getattr(request.__dict__.get("session"), "session_key", None)


def has_session(request: Any) -> bool:
    """Whether the request has a session to look a user up in."""
    try:
        return bool(session_key(request))
    except Exception as error:
        if _native.is_interruption(error):
            raise
        # The project's own kind of session raises here: whoever reads the key next reports that.
        return True


def look_up(request: Any) -> Any:
    """Look up the user of a request and return their name. A view that uses ``request.user`` later gets that user."""
    user = request.__dict__["user"]
    if _is_djangos(user):
        from django.contrib.auth import get_user

        shadow = _shadow(request)
        found = get_user(shadow)
        _share(request, shadow.session, found)
        return username(found)
    # A lazy user that Django did not make: only using it finds the user.
    session = request.__dict__["session"]
    accessed = getattr(session, "accessed", None)
    try:
        return username(user)
    finally:
        if accessed is not None:
            session.accessed = accessed


async def look_up_async(request: Any) -> Any:
    """Do as ``look_up`` in an asynchronous stack. From Django 5.0 on this needs no thread."""
    user = request.__dict__["user"]
    if _is_djangos(user):
        try:
            from django.contrib.auth import aget_user
        except ImportError:
            pass  # Before Django 5.0.
        else:
            shadow = _shadow(request)
            found = await aget_user(shadow)
            _share(request, shadow.session, found)
            return username(found)
    return await sync_to_async(look_up, thread_sensitive=True)(request)


def _is_djangos(user: Any) -> bool:
    return getattr(user.__dict__.get("_setupfunc"), "__module__", None) == _AUTH_MIDDLEWARE


def _shadow(request: Any) -> Any:
    """Return a stand-in for a request that Django can find the user of, with a session that cannot be changed."""
    session = copy.copy(request.session)
    loaded = session.__dict__.get("_session_cache")
    if loaded is not None:
        session._session_cache = dict(loaded)  # noqa: SLF001
    for name in ("flush", "cycle_key", "create", "save", "delete"):
        setattr(session, name, _nothing)
        setattr(session, f"a{name}", _nothing_async)
    return SimpleNamespace(session=session)


def _share(request: Any, found: Any, user: Any) -> None:
    """Store the session and the user that were found where Django will look for them.

    The session does not count as accessed until the user is used. If looking the user up would change the session,
    nothing is stored, and Django looks them up itself.
    """
    session = request.session
    loaded = found.__dict__.get("_session_cache")
    if loaded is None or getattr(found, "modified", True) or found.session_key != session.session_key:
        return
    session.__dict__.setdefault("_session_cache", loaded)
    if not username(user):
        return
    key = loaded.get(SESSION_KEY)
    lazy = request.__dict__["user"].__dict__
    look = lazy["_setupfunc"]

    def find() -> Any:
        if session.get(SESSION_KEY) != key:
            return look()
        request._cached_user = user  # noqa: SLF001
        return user

    find.found = user  # type: ignore[attr-defined]
    lazy["_setupfunc"] = find
    alook = request.__dict__.get("auser")
    if alook is None:
        return

    async def afind() -> Any:
        if session.get(SESSION_KEY) != key:
            return await alook()
        request._acached_user = user  # noqa: SLF001
        return user

    request.auser = afind


def _nothing(*_arguments: object, **_keywords: object) -> None:
    pass


async def _nothing_async(*_arguments: object, **_keywords: object) -> None:
    pass
