"""Middlewares that a project may have above or below ours."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.utils.functional import SimpleLazyObject

if TYPE_CHECKING:
    from collections.abc import Callable


class Named:
    is_authenticated = True
    username = "named otherwise"


class _Before:
    """Base class of middlewares that do something before the view."""

    def __init__(self, get_response: Callable[[Any], Any] | None = None) -> None:
        self.get_response = get_response

    def __call__(self, request: Any) -> Any:
        self.process_request(request)
        assert self.get_response
        return self.get_response(request)

    def process_request(self, request: Any) -> None:
        raise NotImplementedError


class reading(_Before):  # noqa: N801
    """Access the body of every request."""

    def process_request(self, request: Any) -> None:
        assert request.body is not None


class leaving(_Before):  # noqa: N801
    """Empty the session of every request."""

    def process_request(self, request: Any) -> None:
        request.session.flush()


class looking(_Before):  # noqa: N801
    """Access the user after the view."""

    def __call__(self, request: Any) -> Any:
        assert self.get_response
        return self.process_response(request, self.get_response(request))

    def process_request(self, request: Any) -> None:
        """Do nothing before the view."""

    def process_response(self, request: Any, response: Any) -> Any:
        assert request.user.username == "ann"
        return response


def named(get_response: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Set a lazy user of another kind."""

    def middleware(request: Any) -> Any:
        request.user = SimpleLazyObject(lambda: (request.session.get("x"), Named())[1])
        return get_response(request)

    return middleware
