"""The project for WSGI servers."""

from __future__ import annotations

import os

from tests.django.project import shim

shim.install()
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.django.project.settings")

from django.core.wsgi import get_wsgi_application  # noqa: E402 - the shim must be installed first

application = get_wsgi_application()
