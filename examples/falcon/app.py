"""A small Falcon application; its calls are captured.

After `make build`, start the collector, then the application with one of the two commands:

    target/release/moesif-collector
    .venv/bin/python -m examples.falcon.app
    .venv/bin/gunicorn --workers 2 examples.falcon.app:application

Call it on port 8000 and open http://127.0.0.1:9500/.
"""

from __future__ import annotations

import os
import secrets
from wsgiref.simple_server import make_server

import falcon
from falcon import Request, Response

from examples.settings import moesif_settings
from moesifwsgi import MoesifMiddleware


class Me:
    def on_get(self, req: Request, resp: Response) -> None:
        resp.media = {"seen": True}


class Health:
    def on_get(self, req: Request, resp: Response) -> None:
        resp.media = {"status": True}


class Users:
    def on_put(self, req: Request, resp: Response) -> None:
        application.update_users_batch(req.get_media())
        resp.status = falcon.HTTP_204

    def on_post_one(self, req: Request, resp: Response, user_id: str) -> None:
        application.update_user({**req.get_media(), "user_id": user_id})
        resp.status = falcon.HTTP_201
        resp.media = {"id": user_id, "password": secrets.token_urlsafe()}


class Companies:
    def on_put(self, req: Request, resp: Response) -> None:
        application.update_companies_batch(req.get_media())
        resp.status = falcon.HTTP_204

    def on_post_one(self, req: Request, resp: Response, company_id: str) -> None:
        application.update_company({**req.get_media(), "company_id": company_id})
        resp.status = falcon.HTTP_201
        resp.media = {"id": company_id}


app = falcon.App()
app.add_route("/me", Me())
app.add_route("/health/probe", Health())
app.add_route("/users", Users())
app.add_route("/users/{user_id}", Users(), suffix="one")
app.add_route("/companies", Companies())
app.add_route("/companies/{company_id}", Companies(), suffix="one")


application = MoesifMiddleware(app, moesif_settings)

if __name__ == "__main__":
    with make_server("127.0.0.1", int(os.environ.get("PORT", "8000")), application) as server:
        server.serve_forever()
