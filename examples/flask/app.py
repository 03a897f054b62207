"""A small Flask API whose calls are captured.

Run it against the local collector, with the packages of `make build`:

    target/release/moesif-collector &
    .venv/bin/python -m gunicorn --chdir examples/flask --workers 2 app:app

then call it and look at http://127.0.0.1:9500/. For the hosted service set MOESIF_APPLICATION_ID to your Collector
Application ID and MOESIF_BASE_URI to https://api.moesif.net.
"""

from __future__ import annotations

import gzip
import json
import os
import time
from typing import TYPE_CHECKING, Any

from flask import Flask, Response, jsonify, request

from moesifwsgi import MoesifMiddleware

if TYPE_CHECKING:
    from collections.abc import Iterator

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
    """Takes a gzipped document and answers with one."""
    document = json.loads(gzip.decompress(request.get_data()))
    body = gzip.compress(json.dumps({"rows": len(document["rows"])}).encode())
    return Response(body, mimetype="application/json", headers={"Content-Encoding": "gzip"})


@app.get("/stream")
def stream() -> Response:
    """Sends three lines, a moment apart: each leaves as it is made."""

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


def identify_user(_app: object, environ: dict[str, Any], _response_headers: dict[str, str]) -> str | None:
    """Without a result, the user is looked for in the authorization header."""
    return environ.get("HTTP_X_USER_ID")


def identify_company(_app: object, environ: dict[str, Any], _response_headers: dict[str, str]) -> str | None:
    return environ.get("HTTP_X_COMPANY_ID")


def get_session_token(_app: object, environ: dict[str, Any]) -> str | None:
    return environ.get("HTTP_X_SESSION")


def get_metadata(_app: object, _environ: dict[str, Any]) -> dict[str, Any]:
    return {"datacenter": "westus", "deployment_version": "v1.2.3"}


def should_skip(_app: object, environ: dict[str, Any]) -> bool:
    return "health/probe" in environ.get("PATH_INFO", "")


app.wsgi_app = MoesifMiddleware(  # type: ignore[method-assign]
    app.wsgi_app,
    {
        "APPLICATION_ID": os.environ.get("MOESIF_APPLICATION_ID", "example"),
        "BASE_URI": os.environ.get("MOESIF_BASE_URI", "http://127.0.0.1:9500"),
        "IDENTIFY_USER": identify_user,
        "IDENTIFY_COMPANY": identify_company,
        "GET_SESSION_TOKEN": get_session_token,
        "GET_METADATA": get_metadata,
        "SKIP": should_skip,
    },
)

if __name__ == "__main__":
    app.run(port=8000)
