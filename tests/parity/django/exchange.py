"""The data type of an exchange with a Django project."""

from __future__ import annotations

from dataclasses import dataclass

from tests.parity.exchange import Exchange

#: Session key of a user who is logged in.
SESSION = "k" * 32


@dataclass(frozen=True)
class DjangoExchange(Exchange):
    """One request to a Django project. ``reads`` may also be ``form``: the view then reads ``request.POST``."""

    #: Name of the function in tests/parity/django/views.py that makes the response.
    way: str = "content"
    #: Whether the request has the session of the user ann.
    has_session: bool = False
    #: Whether the project has the session and authentication middlewares.
    has_users: bool = True
