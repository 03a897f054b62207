"""Synchronous and asynchronous views."""

from __future__ import annotations

import asyncio
import json
import secrets
from typing import TYPE_CHECKING

from django.contrib.auth import authenticate, login
from django.http import HttpRequest, HttpResponse, JsonResponse, StreamingHttpResponse
from django.views.decorators.http import require_GET, require_http_methods

from moesifdjango.middleware import MoesifMiddleware

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

# Sends users and companies to the collector. A view that does so waits for the collector before it answers.
moesif = MoesifMiddleware(None)


@require_http_methods(["POST"])
def enter(request: HttpRequest) -> HttpResponse:
    user = authenticate(request, **json.loads(request.body))
    if user is None:
        return JsonResponse({"error": "unknown"}, status=403)
    login(request, user)
    return JsonResponse({"welcome": user.get_username()})


@require_GET
def me(request: HttpRequest) -> HttpResponse:
    return JsonResponse({"seen": True})


@require_GET
async def stream(request: HttpRequest) -> StreamingHttpResponse:
    """Sends three lines with pauses. Under an ASGI server each line leaves as soon as it is made."""

    async def lines() -> AsyncIterator[str]:
        for number in range(3):
            yield f"line {number}\n"
            await asyncio.sleep(0.1)

    return StreamingHttpResponse(lines(), content_type="text/plain")


@require_GET
def health(request: HttpRequest) -> HttpResponse:
    return JsonResponse({"status": True})


@require_http_methods(["POST"])
def user(request: HttpRequest, user_id: str) -> HttpResponse:
    moesif.update_user({**json.loads(request.body), "user_id": user_id})
    return JsonResponse({"id": user_id, "password": secrets.token_urlsafe()}, status=201)


@require_http_methods(["PUT"])
def users(request: HttpRequest) -> HttpResponse:
    moesif.update_users_batch(json.loads(request.body))
    return HttpResponse(status=204)


@require_http_methods(["POST"])
def company(request: HttpRequest, company_id: str) -> HttpResponse:
    moesif.update_company({**json.loads(request.body), "company_id": company_id})
    return JsonResponse({"id": company_id}, status=201)


@require_http_methods(["PUT"])
def companies(request: HttpRequest) -> HttpResponse:
    moesif.update_companies_batch(json.loads(request.body))
    return HttpResponse(status=204)
