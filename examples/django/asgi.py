"""The project for ASGI servers: the same middleware, without a thread for each call."""

from __future__ import annotations

from django.core.asgi import get_asgi_application

from examples.django.app import application as _prepared  # noqa: F401 - makes the database

application = get_asgi_application()
