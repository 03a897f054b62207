"""Settings of a small project. The part from MIDDLEWARE on is about capturing."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse

    from moesif.models import EventModel

SECRET_KEY = os.environ.get("SECRET_KEY", "only for the example")
ALLOWED_HOSTS = ["127.0.0.1", "localhost"]
ROOT_URLCONF = "examples.django.urls"
# Listing moesifdjango is optional. With it, `manage.py check` checks the options.
INSTALLED_APPS = ["django.contrib.contenttypes", "django.contrib.sessions", "django.contrib.auth", "moesifdjango"]
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": os.environ.get("DATABASE", Path(__file__).parents[2] / "target" / "example-django.sqlite3"),
    }
}
USE_TZ = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

MIDDLEWARE = [
    "django.middleware.gzip.GZipMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "moesifdjango.middleware.moesif_middleware",
]


# The middleware calls these functions when a call has been answered. They may also be `async def`.


def identify_user(req: HttpRequest, res: HttpResponse) -> str | None:
    """Returns the user. Without a result, `request.user` or else the user in the authorization header is recorded."""
    return req.headers.get("X-User-Id")


def identify_company(req: HttpRequest, res: HttpResponse) -> str | None:
    return req.headers.get("X-Company-Id")


def should_skip(req: HttpRequest, res: HttpResponse) -> bool:
    return "health/probe" in req.path


def get_token(req: HttpRequest, res: HttpResponse) -> str | None:
    """Returns the session token. Without this function, the key of Django's session is recorded."""
    return req.COOKIES.get("session")


def get_metadata(req: HttpRequest, res: HttpResponse) -> dict[str, Any]:
    return {"datacenter": "westus", "deployment_version": "v1.2.3"}


def mask_event(eventmodel: EventModel) -> EventModel:
    """Removes secrets. Header names match in any case; a body is JSON values, base64 text, or None."""
    if eventmodel.request and eventmodel.request.headers:
        eventmodel.request.headers.pop("cookie", None)
    for message in (eventmodel.request, eventmodel.response):
        if message and isinstance(message.body, dict):
            message.body.pop("password", None)
    return eventmodel


MOESIF_MIDDLEWARE = {
    "APPLICATION_ID": os.environ.get("MOESIF_APPLICATION_ID", "example"),
    "BASE_URI": os.environ.get("MOESIF_BASE_URI", "http://127.0.0.1:9500"),
    "SKIP": should_skip,
    "IDENTIFY_USER": identify_user,
    "IDENTIFY_COMPANY": identify_company,
    "GET_SESSION_TOKEN": get_token,
    "GET_METADATA": get_metadata,
    "MASK_EVENT_MODEL": mask_event,
    # These are the defaults.
    "LOG_BODY": True,
    "BATCH_SIZE": 25,
    "EVENT_QUEUE_SIZE": 1_000_000,
    "AUTHORIZATION_HEADER_NAME": "authorization",
    "AUTHORIZATION_USER_ID_FIELD": "sub",
    "LOCAL_DEBUG": False,
}
