"""Settings of the examples for Bottle, Falcon, Pyramid and plain WSGI.

The middleware calls the functions when a response has ended. They receive the wrapped application and the `environ` of
the call, so they are the same for every framework. examples/flask/app.py has everything in one file, with every option.
"""

from __future__ import annotations

import os
from http.cookies import SimpleCookie
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

    from moesif import MoesifSettings
    from moesif.models import EventModel


def identify_user(app: object, environ: WSGIEnvironment, response_headers: dict[str, str]) -> str | None:
    """Returns the user. Without a result the authorization header is used."""
    return environ.get("HTTP_X_USER_ID")


def identify_company(app: object, environ: WSGIEnvironment, response_headers: dict[str, str]) -> str | None:
    return environ.get("HTTP_X_COMPANY_ID")


def get_token(app: object, environ: WSGIEnvironment) -> str | None:
    session = SimpleCookie(environ.get("HTTP_COOKIE", "")).get("session")
    return session.value if session else None


def get_metadata(app: object, environ: WSGIEnvironment) -> dict[str, Any]:
    return {"datacenter": "westus", "deployment_version": "v1.2.3"}


def should_skip(app: object, environ: WSGIEnvironment) -> bool:
    return "health/probe" in environ.get("PATH_INFO", "")


def mask_event(eventmodel: EventModel) -> EventModel:
    """Removes a password. A body is JSON values, base64 text, or None."""
    body = eventmodel.response.body if eventmodel.response else None
    if isinstance(body, dict) and "password" in body:
        body["password"] = None
    return eventmodel


moesif_settings: MoesifSettings = {
    "APPLICATION_ID": os.environ.get("MOESIF_APPLICATION_ID", "example"),
    "BASE_URI": os.environ.get("MOESIF_BASE_URI", "http://127.0.0.1:9500"),
    "LOG_BODY": True,
    "IDENTIFY_USER": identify_user,
    "IDENTIFY_COMPANY": identify_company,
    "GET_SESSION_TOKEN": get_token,
    "GET_METADATA": get_metadata,
    "SKIP": should_skip,
    "MASK_EVENT_MODEL": mask_event,
}
