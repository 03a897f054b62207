"""ASGI applications that were given the WSGI middleware by mistake."""

from __future__ import annotations

from fastapi import FastAPI
from starlette.applications import Starlette
from starlette.middleware import Middleware

from moesifwsgi import MoesifMiddleware

added = FastAPI()
added.add_middleware(MoesifMiddleware, settings={})  # type: ignore[arg-type] # the mistake
listed = Starlette(middleware=[Middleware(MoesifMiddleware, settings={})])  # type: ignore[arg-type] # the mistake
wrapped = MoesifMiddleware(FastAPI(), {})  # type: ignore[arg-type] # the mistake
