"""A small Pyramid application; its calls are captured.

After `make build`, start the collector, then the application with one of the two commands:

    target/release/moesif-collector
    .venv/bin/python -m examples.pyramid.app
    .venv/bin/gunicorn --workers 2 examples.pyramid.app:application

Call it on port 8000 and open http://127.0.0.1:9500/.
"""

from __future__ import annotations

import os
import secrets
import sys
from typing import TYPE_CHECKING, Any
from wsgiref.simple_server import make_server

from pyramid.config import Configurator
from pyramid.response import Response
from pyramid.view import view_config

from examples.settings import moesif_settings
from moesifwsgi import MoesifMiddleware

if TYPE_CHECKING:
    from pyramid.request import Request


@view_config(route_name="me", request_method="GET", renderer="json")
def me(request: Request) -> dict[str, Any]:
    return {"seen": True}


@view_config(route_name="health", request_method="GET", renderer="json")
def health(request: Request) -> dict[str, Any]:
    return {"status": True}


@view_config(route_name="user", request_method="POST", renderer="json")
def create_user(request: Request) -> dict[str, Any]:
    user_id = request.matchdict["user_id"]
    application.update_user({**request.json_body, "user_id": user_id})
    request.response.status_int = 201
    return {"id": user_id, "password": secrets.token_urlsafe()}


@view_config(route_name="users", request_method="PUT")
def import_users(request: Request) -> Response:
    application.update_users_batch(request.json_body)
    return Response(status=204)


@view_config(route_name="company", request_method="POST", renderer="json")
def create_company(request: Request) -> dict[str, Any]:
    company_id = request.matchdict["company_id"]
    application.update_company({**request.json_body, "company_id": company_id})
    request.response.status_int = 201
    return {"id": company_id}


@view_config(route_name="companies", request_method="PUT")
def import_companies(request: Request) -> Response:
    application.update_companies_batch(request.json_body)
    return Response(status=204)


with Configurator() as config:
    config.add_route("me", "/me")
    config.add_route("health", "/health/probe")
    config.add_route("users", "/users")
    config.add_route("user", "/users/{user_id}")
    config.add_route("companies", "/companies")
    config.add_route("company", "/companies/{company_id}")
    config.scan(sys.modules[__name__])
    app = config.make_wsgi_app()

application = MoesifMiddleware(app, moesif_settings)

if __name__ == "__main__":
    with make_server("127.0.0.1", int(os.environ.get("PORT", "8000")), application) as server:
        server.serve_forever()
