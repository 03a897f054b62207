"""A small Django project; its calls are captured. settings.py shows every documented option.

After `make build`, start the collector, then the project with one of the other commands:

    target/release/moesif-collector
    .venv/bin/python -m examples.django.app
    .venv/bin/gunicorn --preload --workers 2 examples.django.app:application
    .venv/bin/uvicorn examples.django.asgi:application

Call it on port 8000 and open http://127.0.0.1:9500/. There is a user ann with the password secret: `POST /login`.
"""

from __future__ import annotations

import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "examples.django.settings")

from django.core.management import call_command
from django.core.wsgi import get_wsgi_application

application = get_wsgi_application()


def prepare() -> None:
    """Creates the database, so that one command is enough. A real project does this when it is deployed."""
    from django.contrib.auth.models import User  # noqa: PLC0415 - models can be imported once Django is set up
    from django.db import connection  # noqa: PLC0415

    call_command("migrate", verbosity=0)
    if not User.objects.filter(username="ann").exists():
        User.objects.create_user("ann", password="secret")
    connection.close()


prepare()

if __name__ == "__main__":
    call_command("runserver", f"127.0.0.1:{os.environ.get('PORT', '8000')}", use_reloader=False)
