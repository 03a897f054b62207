"""The URLs of a Django project that does what the WSGI application does."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse
from django.urls import re_path

from tests.agents.applications import REQUEST, RESPONSE, call_api


def view(request: Any) -> HttpResponse:
    assert request.body == REQUEST
    call_api()
    return HttpResponse(RESPONSE, content_type="application/json")


urlpatterns = [re_path("", view)]
