"""The Django application. Listed in ``INSTALLED_APPS``, it makes ``manage.py check`` check ``MOESIF_MIDDLEWARE``."""

from __future__ import annotations

from typing import Any

from django.apps import AppConfig
from django.conf import settings
from django.core.checks import Error, Warning, register  # noqa: A004 - Django's name
from django.core.exceptions import ImproperlyConfigured

from moesif.django.middleware import middleware_settings, warnings_about

__all__ = ["MoesifConfig"]


class MoesifConfig(AppConfig):  # type: ignore[misc]
    """The application ``moesifdjango``. It has no models, and listing it is optional."""

    name = "moesifdjango"
    verbose_name = "Moesif"

    def ready(self) -> None:
        """Register the check."""
        register(check_settings)


def check_settings(**_keywords: Any) -> list[Any]:
    """Report settings in a project that has the settings or the middleware.

    What the middleware would refuse is an error. What it would ignore, such as a misspelt option, is a warning.
    """
    given = middleware_settings()
    listed = getattr(settings, "MIDDLEWARE", None)
    if listed is None:
        # Django before 2.0.
        listed = getattr(settings, "MIDDLEWARE_CLASSES", None) or ()
    if given is None and not any(name.startswith("moesifdjango.") for name in listed):
        return []
    try:
        warnings = warnings_about(given)
    except ImproperlyConfigured as error:
        hint = "Set the option in MOESIF_MIDDLEWARE, or as MOESIF_<OPTION> in the environment."
        return [Error(str(error), hint=hint, id="moesif.E001")]
    return [Warning(warning, id="moesif.W001") for warning in warnings]
