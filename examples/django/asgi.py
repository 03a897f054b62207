"""The project for ASGI servers. The middleware is the same, and runs on the event loop."""

from __future__ import annotations

from django.core.asgi import get_asgi_application

from examples.django.app import application as _prepared  # noqa: F401 - creates the database

application = get_asgi_application()
