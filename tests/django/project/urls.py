"""A URL for each view, by its name."""

from __future__ import annotations

import django
from tests.django.project import views

if django.VERSION < (2, 0):
    from django.conf.urls import url

    urlpatterns = [url(f"^{name}$", view) for name, view in views.VIEWS.items()]
else:
    from django.urls import path

    urlpatterns = [path(name, view) for name, view in views.VIEWS.items()]
