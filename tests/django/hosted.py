"""A WSGI application as the view of a Django project, so that tests of the WSGI middleware run on Django too."""

from __future__ import annotations

import inspect
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from tests.django.ready import FAST  # isort: skip - the other imports need it

from django.core.handlers.exception import convert_exception_to_response
from django.core.handlers.wsgi import WSGIRequest
from django.http import HttpResponse
from django.test import RequestFactory, override_settings
from django.utils.functional import SimpleLazyObject

from moesifdjango.middleware import moesif_middleware
from tests.gateway import Gateway

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.conftest import Destination


def hosted(application: Callable[..., Any], to: Destination, options: dict[str, Any]) -> Callable[..., Any]:
    """Return a WSGI application: Django, our middleware, and ``application`` as the only view."""

    def view(request: Any) -> Any:
        gateway = Gateway()
        # The application reads the body as a view does.
        result = application({**request.environ, "wsgi.input": request}, gateway.start_response)
        response = HttpResponse(gateway.body + b"".join(result), status=int(gateway.status.split()[0]))
        del response["Content-Type"]
        for name, value in gateway.headers:
            response[name] = value
        return response

    settings = {"APPLICATION_ID": to.application_id, "BASE_URI": to.uri, **FAST}
    settings |= {name: _with_request(name, value) for name, value in options.items()}
    with override_settings(MOESIF_MIDDLEWARE=settings):
        middleware = convert_exception_to_response(moesif_middleware(convert_exception_to_response(view)))

    def serve(environ: dict[str, Any], start_response: Any) -> Any:
        response = middleware(WSGIRequest(environ))
        reason = response.reason_phrase.replace("Unknown Status Code", "Unknown")
        start_response(f"{response.status_code} {reason}", list(response.items()))
        return response

    return serve


def _with_request(name: str, value: Any) -> Any:
    """Call a WSGI-style function with the application, ``environ`` and, if it takes them, the response headers."""
    if not callable(value) or name == "MASK_EVENT_MODEL":
        return value
    takes = len(inspect.signature(value).parameters)

    def function(request: Any, response: Any) -> Any:
        headers = dict(response.items()) if response is not None else {}
        environ = {**request.environ, "wsgi.input": request, "moesif.response_headers": headers}
        return value(None, environ, headers) if takes > 2 else value(None, environ)

    return function


def looks_up_user(to: Destination, options: dict[str, Any]) -> bool:
    """Whether the session user is looked up although the view does not access it."""
    asked = []

    class User:
        is_authenticated = True

        @property
        def username(self) -> str:
            asked.append("username")
            return "ann"

    request = RequestFactory().get("/")
    request.session = SimpleNamespace(session_key="k" * 32)
    request.user = SimpleLazyObject(User)
    settings = {"APPLICATION_ID": to.application_id, "BASE_URI": to.uri, **FAST, **options}
    with override_settings(MOESIF_MIDDLEWARE=settings):
        moesif_middleware(lambda _request: HttpResponse("ok"))(request)
    return bool(asked)
