"""A Flask application."""

from __future__ import annotations

import flask

from moesifwsgi import MoesifMiddleware

app = flask.Flask(__name__)


@app.get("/")
def hello() -> str:
    return "hello"


app.wsgi_app = MoesifMiddleware(app.wsgi_app, {})  # type: ignore[method-assign]
