"""Exceptions of the API calls."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from moesif.client.http import HttpContext

__all__ = ["APIConnectionError", "APIException"]


class APIException(Exception):  # noqa: N818 - the name of moesifapi
    """The API refused a call, or the call failed until its timeout.

    ``response_code`` is the status of the last answer. ``context`` holds that answer and its request.
    """

    def __init__(self, reason: str, context: HttpContext) -> None:
        """Set the message, and the request and response it is about."""
        super().__init__(reason)
        self.context = context
        self.response_code = context.response.status_code if context.response else 0

    def __reduce__(self) -> tuple[Any, ...]:
        """Support pickling: the exception can leave a process pool."""
        return type(self), (str(self), self.context)


class APIConnectionError(APIException, ConnectionError):
    """No answer came until the timeout of the call. ``response_code`` is 0 and ``context.response`` is ``None``.

    The collector may have stored the documents nevertheless. Profiles can safely be sent again, and so can
    events and actions that have a ``transaction_id`` (event models always have one). Without it, the
    collector would store a second event or action.
    """
