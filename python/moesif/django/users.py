"""Whose request it is, without leaving a trace.

``request.user`` is looked up when somebody asks for it, and asking has effects: the session is loaded and counts as
accessed, so that the response varies by cookie, and a session that is not in order is deleted. None of that may happen
because a call is recorded (``docs/guarantees.md``, I-12). So a user who is known already is read where Django keeps
them, and one who is not is looked up in a copy of the session that cannot be changed, and forgotten afterwards.
"""

from __future__ import annotations

import copy
from types import SimpleNamespace
from typing import Any

from django.utils.functional import LazyObject, empty

try:
    from asgiref.sync import sync_to_async
except ImportError:
    sync_to_async: Any = None  # type: ignore[no-redef]

#: Nobody has asked for the user yet.
UNKNOWN = object()
#: The request knows of no users.
NOBODY = object()

_AUTH_MIDDLEWARE = "django.contrib.auth.middleware"


def carried_user(request: Any) -> object:
    """Return the user the request has been found to be of; ``UNKNOWN`` or ``NOBODY`` without one."""
    attributes = request.__dict__
    user = attributes.get("user", NOBODY)
    if isinstance(user, LazyObject):
        user = user.__dict__.get("_wrapped", empty)
        if user is empty:
            # An asynchronous view asks auser(), which keeps its answer elsewhere.
            user = attributes.get("_acached_user", attributes.get("_cached_user", UNKNOWN))
    return NOBODY if user is None else user


def username(user: Any) -> str | None:
    """Return the name of a user who is logged in."""
    is_authenticated = user.is_authenticated
    # A method before Django 1.10.
    if not (is_authenticated() if callable(is_authenticated) else is_authenticated):
        return None
    name = getattr(user, "username", None)
    return str(user.get_username() if name is None else name)


def session_key(request: Any) -> str | None:
    """Return the key of the request's session, which is there without loading it."""
    return getattr(request.__dict__.get("session"), "session_key", None)


def has_session(request: Any) -> bool:
    """Whether there is anything to look a user up in."""
    try:
        return bool(session_key(request))
    except Exception:
        # A session of the project's own: who asks for its key finds out.
        return True


def look_up(request: Any) -> str | None:
    """Return the name of the user of a request nobody has asked for it."""
    user = request.__dict__["user"]
    if _is_djangos(user):
        from django.contrib.auth import get_user

        return username(get_user(_shadow(request)))
    # Somebody else's way of finding users can only be asked as it is.
    session = request.__dict__["session"]
    accessed = getattr(session, "accessed", None)
    try:
        return username(user)
    finally:
        if accessed is not None:
            session.accessed = accessed


async def look_up_async(request: Any) -> str | None:
    """Look it up as ``look_up`` does, in an asynchronous stack: without a thread where Django needs none."""
    user = request.__dict__["user"]
    if _is_djangos(user):
        try:
            from django.contrib.auth import aget_user
        except ImportError:
            pass  # Before Django 5.0.
        else:
            return username(await aget_user(_shadow(request)))
    name: str | None = await sync_to_async(look_up, thread_sensitive=True)(request)
    return name


def _is_djangos(user: Any) -> bool:
    return getattr(user.__dict__.get("_setupfunc"), "__module__", None) == _AUTH_MIDDLEWARE


def _shadow(request: Any) -> Any:
    """Make what Django needs of a request to find its user, with a session that cannot be changed."""
    session = copy.copy(request.session)
    loaded = session.__dict__.get("_session_cache")
    if loaded is not None:
        session._session_cache = dict(loaded)  # noqa: SLF001
    for name in ("flush", "cycle_key", "create", "save", "delete"):
        setattr(session, name, _nothing)
        setattr(session, f"a{name}", _nothing_async)
    return SimpleNamespace(session=session)


def _nothing(*_arguments: object, **_keywords: object) -> None:
    pass


async def _nothing_async(*_arguments: object, **_keywords: object) -> None:
    pass
