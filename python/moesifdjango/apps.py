"""The Django app configuration, for ``moesifdjango`` in ``INSTALLED_APPS``."""

from moesif.django.apps import MoesifConfig

__all__ = ["MoesifConfig"]
