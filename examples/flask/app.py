"""A small Flask API; its calls are captured. Shows every documented option of the middleware.

After `make build`, start the collector, then the application with one of the two commands:

    target/release/moesif-collector
    .venv/bin/python -m examples.flask.app
    .venv/bin/gunicorn --workers 2 examples.flask.app:app

Call it on port 8000 and open http://127.0.0.1:9500/. For the hosted service set MOESIF_APPLICATION_ID to your
Collector Application ID and MOESIF_BASE_URI to https://api.moesif.net.
"""

from __future__ import annotations

import gzip
import json
import os
import secrets
import time
from typing import TYPE_CHECKING, Any

from flask import Flask, Request, Response, jsonify, request

from moesifwsgi import MoesifMiddleware

if TYPE_CHECKING:
    from collections.abc import Iterator

    from moesif.models import EventModel

app = Flask(__name__)


@app.post("/items")
def create_item() -> tuple[Response, int]:
    item = request.get_json()
    return jsonify(id=1, **item), 201


@app.get("/logo.png")
def logo() -> Response:
    return Response(b"\x89PNG\r\n\x1a\n" + bytes(range(256)), mimetype="image/png")


@app.post("/report")
def report() -> Response:
    """Reads a gzipped document and answers with another."""
    document = json.loads(gzip.decompress(request.get_data()))
    body = gzip.compress(json.dumps({"rows": len(document["rows"])}).encode())
    return Response(body, mimetype="application/json", headers={"Content-Encoding": "gzip"})


@app.get("/stream")
def stream() -> Response:
    """Sends three lines with pauses. Each line leaves as soon as it is made."""

    def lines() -> Iterator[str]:
        for number in range(3):
            yield f"line {number}\n"
            time.sleep(0.1)

    return Response(lines(), mimetype="text/plain")


@app.get("/me")
def me() -> Response:
    return jsonify(seen=True)


@app.get("/boom")
def boom() -> Response:
    message = "an error in the application"
    raise RuntimeError(message)


@app.get("/health/probe")
def health() -> Response:
    return jsonify(status=True)


# These views send users and companies to the collector, and wait for it before they answer.


@app.post("/users/<user_id>")
def create_user(user_id: str) -> tuple[Response, int]:
    moesif.update_user({**request.get_json(), "user_id": user_id})
    return jsonify(id=user_id, password=secrets.token_urlsafe()), 201


@app.put("/users")
def import_users() -> tuple[str, int]:
    moesif.update_users_batch(request.get_json())
    return "", 204


@app.post("/companies/<company_id>")
def create_company(company_id: str) -> tuple[Response, int]:
    moesif.update_company({**request.get_json(), "company_id": company_id})
    return jsonify(id=company_id), 201


@app.put("/companies")
def import_companies() -> tuple[str, int]:
    moesif.update_companies_batch(request.get_json())
    return "", 204


# The middleware calls these functions when the response has ended.


def identify_user(app: object, environ: dict[str, Any], response_headers: dict[str, str]) -> str | None:
    """Returns the user. Without a result the authorization header is used."""
    return Request(environ).headers.get("X-User-Id")


def identify_company(app: object, environ: dict[str, Any], response_headers: dict[str, str]) -> str | None:
    return Request(environ).headers.get("X-Company-Id")


def get_token(app: object, environ: dict[str, Any]) -> str | None:
    return Request(environ).cookies.get("session")


def get_metadata(app: object, environ: dict[str, Any]) -> dict[str, Any]:
    return {"datacenter": "westus", "deployment_version": "v1.2.3"}


def should_skip(app: object, environ: dict[str, Any]) -> bool:
    return "health/probe" in environ.get("PATH_INFO", "")


def mask_event(eventmodel: EventModel) -> EventModel:
    """Removes secrets. Header names match in any case; a body is JSON values, base64 text, or None."""
    if eventmodel.request and eventmodel.request.headers:
        eventmodel.request.headers.pop("cookie", None)
    if eventmodel.response and isinstance(eventmodel.response.body, dict):
        eventmodel.response.body.pop("password", None)
    return eventmodel


moesif_settings = {
    "APPLICATION_ID": os.environ.get("MOESIF_APPLICATION_ID", "example"),
    "BASE_URI": os.environ.get("MOESIF_BASE_URI", "http://127.0.0.1:9500"),
    "SKIP": should_skip,
    "IDENTIFY_USER": identify_user,
    "IDENTIFY_COMPANY": identify_company,
    "GET_METADATA": get_metadata,
    "GET_SESSION_TOKEN": get_token,
    "MASK_EVENT_MODEL": mask_event,
    # These are the defaults.
    "DEBUG": False,
    "LOG_BODY": True,
    "EVENT_QUEUE_SIZE": 1_000_000,
    "EVENT_WORKER_COUNT": 2,
    "BATCH_SIZE": 100,
    "EVENT_BATCH_TIMEOUT": 1,
    "AUTHORIZATION_HEADER_NAME": "authorization",
    "AUTHORIZATION_USER_ID_FIELD": "sub",
    "CAPTURE_OUTGOING_REQUESTS": False,
}

moesif = MoesifMiddleware(app.wsgi_app, moesif_settings)
app.wsgi_app = moesif  # type: ignore[method-assign]

if __name__ == "__main__":
    app.run(port=int(os.environ.get("PORT", "8000")))
