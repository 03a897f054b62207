"""What an exchange with a Django project says beyond one with a WSGI application."""

from __future__ import annotations

from dataclasses import dataclass

from tests.parity.exchange import Exchange

#: The key of Django's session of a caller who is logged in.
SESSION = "k" * 32


@dataclass(frozen=True)
class DjangoExchange(Exchange):
    """One request. Its view reads as ``reads`` says (``form``: ``request.POST``) and answers as ``way`` does."""

    #: A function of tests/parity/django/views.py.
    way: str = "content"
    #: Whether the caller has the session of a user, ann.
    has_session: bool = False
    #: Whether the project has sessions and users at all.
    has_users: bool = True
