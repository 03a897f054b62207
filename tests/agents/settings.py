"""Settings of the Django project, with what the agent in the variable ``AGENT`` wants in them."""

from __future__ import annotations

import os

from tests.agents.tracing import AGENTS

_AGENT = AGENTS[os.environ["AGENT"]]

ALLOWED_HOSTS = ["*"]
INSTALLED_APPS = [*_AGENT.apps]
MIDDLEWARE = [*_AGENT.middlewares, "moesifdjango.middleware.moesif_middleware"]
MOESIF_MIDDLEWARE = {"CAPTURE_OUTGOING_REQUESTS": True}
ROOT_URLCONF = "tests.agents.project"
SECRET_KEY = "unused"
