"""A small Bottle application; its calls are captured.

After `make build`, start the collector, then the application with one of the two commands:

    target/release/moesif-collector
    .venv/bin/python -m examples.bottle.app
    .venv/bin/gunicorn --workers 2 examples.bottle.app:application

Call it on port 8000 and open http://127.0.0.1:9500/.
"""

from __future__ import annotations

import os
import secrets
from typing import Any

import bottle
from bottle import request, response

from examples.settings import moesif_settings
from moesifwsgi import MoesifMiddleware

app = bottle.Bottle()


@app.get("/me")
def me() -> dict[str, Any]:
    return {"seen": True}


@app.get("/health/probe")
def health() -> dict[str, Any]:
    return {"status": True}


@app.post("/users/<user_id>")
def create_user(user_id: str) -> dict[str, Any]:
    application.update_user({**request.json, "user_id": user_id})
    response.status = 201
    return {"id": user_id, "password": secrets.token_urlsafe()}


@app.put("/users")
def import_users() -> None:
    application.update_users_batch(request.json)
    response.status = 204


@app.post("/companies/<company_id>")
def create_company(company_id: str) -> dict[str, Any]:
    application.update_company({**request.json, "company_id": company_id})
    response.status = 201
    return {"id": company_id}


@app.put("/companies")
def import_companies() -> None:
    application.update_companies_batch(request.json)
    response.status = 204


application = MoesifMiddleware(app, moesif_settings)

if __name__ == "__main__":
    bottle.run(app=application, port=int(os.environ.get("PORT", "8000")))
