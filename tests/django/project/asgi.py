"""The project for ASGI servers."""

from __future__ import annotations

import os

from tests.django.project import shim

shim.install()
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.django.project.settings")

from django.core.asgi import get_asgi_application  # noqa: E402 - the shim must be installed first

application = get_asgi_application()
