"""A small WSGI application without a framework; its calls are captured.

After `make build`, start the collector, then the application with one of the two commands:

    target/release/moesif-collector
    .venv/bin/python -m examples.plain.app
    .venv/bin/gunicorn --workers 2 examples.plain.app:application

Call it on port 8000 and open http://127.0.0.1:9500/.
"""

from __future__ import annotations

import json
import os
import secrets
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from wsgiref.simple_server import make_server

from examples.settings import moesif_settings
from moesifwsgi import MoesifMiddleware

if TYPE_CHECKING:
    from collections.abc import Iterable

    from _typeshed.wsgi import StartResponse, WSGIEnvironment


def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    status, answer = route(environ["REQUEST_METHOD"], environ["PATH_INFO"], environ)
    body = b"" if answer is None else json.dumps(answer).encode()
    headers = [("Content-Type", "application/json"), ("Content-Length", str(len(body)))]
    start_response(f"{status.value} {status.phrase}", headers if body else [])
    return [body]


def route(method: str, path: str, environ: WSGIEnvironment) -> tuple[HTTPStatus, object]:
    answer: object = None
    match method, *path.strip("/").split("/"):
        case "GET", "me":
            status, answer = HTTPStatus.OK, {"seen": True}
        case "GET", "health", "probe":
            status, answer = HTTPStatus.OK, {"status": True}
        case "POST", "users", user_id:
            application.update_user({**document(environ), "user_id": user_id})
            status, answer = HTTPStatus.CREATED, {"id": user_id, "password": secrets.token_urlsafe()}
        case "PUT", "users":
            application.update_users_batch(document(environ))
            status = HTTPStatus.NO_CONTENT
        case "POST", "companies", company_id:
            application.update_company({**document(environ), "company_id": company_id})
            status, answer = HTTPStatus.CREATED, {"id": company_id}
        case "PUT", "companies":
            application.update_companies_batch(document(environ))
            status = HTTPStatus.NO_CONTENT
        case _:
            status, answer = HTTPStatus.NOT_FOUND, {"error": "not found"}
    return status, answer


def document(environ: WSGIEnvironment) -> Any:
    return json.loads(environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"])))


application = MoesifMiddleware(app, moesif_settings)

if __name__ == "__main__":
    with make_server("127.0.0.1", int(os.environ.get("PORT", "8000")), application) as server:
        server.serve_forever()
