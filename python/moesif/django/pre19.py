"""The middleware in the form Django had before 1.10, for ``MIDDLEWARE_CLASSES``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from moesif.django.middleware import MoesifMiddleware, answer_of_rules

if TYPE_CHECKING:
    from moesif.django.middleware import Request, Response

__all__ = ["MoesifMiddlewarePre19"]


class MoesifMiddlewarePre19(MoesifMiddleware):
    """``MoesifMiddleware`` for ``MIDDLEWARE_CLASSES``: made without arguments, called before and after the view.

    What belongs to a request is kept on that request: the object is shared by all threads.
    """

    def process_request(self, request: Request) -> Response | None:
        """Begin the record of a request. Return the answer of a governance rule, where one answers."""
        call = self._begin(request)
        setattr(request, self._attribute, call)
        if call is None or not call.is_governed:
            return None
        self._guarded(self._functions.identify_early(call, request))
        return answer_of_rules(call, request)

    def process_response(self, request: Request, response: Response) -> Response:
        """End it with the response, whoever has made that."""
        # A middleware before this one may have answered, so that the request never got here.
        call = request.__dict__.pop(self._attribute, None) or self._begin(request)
        if call is not None:
            self._guarded(self._respond(call, request, response))
        return response

    @property
    def _attribute(self) -> str:
        return f"_moesif_call_{id(self)}"
