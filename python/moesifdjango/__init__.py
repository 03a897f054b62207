"""The import path of the moesifdjango package: ``moesifdjango.middleware.moesif_middleware`` in ``MIDDLEWARE``."""

import django
from moesif.django import MoesifMiddleware

__all__ = ["MoesifMiddleware", "moesif_middleware"]

moesif_middleware = MoesifMiddleware

if django.VERSION < (3, 2):
    # Later versions of Django find the configuration in apps.py.
    default_app_config = "moesifdjango.apps.MoesifConfig"
