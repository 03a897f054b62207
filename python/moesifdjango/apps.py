"""What Django looks for when ``moesifdjango`` is in ``INSTALLED_APPS``."""

from moesif.django.apps import MoesifConfig

__all__ = ["MoesifConfig"]
