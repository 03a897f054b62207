"""The Python examples in README and docs, and the code that runs before and after each of them."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
#: Address of the collector in the examples.
COLLECTOR = "http://127.0.0.1:9500"

_BLOCK = re.compile(r"(?:<!-- runs: ([a-z-]+) -->\n)?```python\n(.*?)^```", re.DOTALL | re.MULTILINE)


@dataclass(frozen=True)
class Example:
    """One block of Python on a page."""

    page: Path
    line: int
    #: The name of the surroundings, from the comment before the block.
    kind: str
    source: str

    def __str__(self) -> str:
        return f"{self.page.name}:{self.line}"


def _is_fragment(source: str) -> bool:
    """Whether the block is not complete Python, for example the first line of an ``if``."""
    try:
        ast.parse(source)
    except SyntaxError:
        return True
    return False


def examples() -> list[Example]:
    """Returns every block of Python in README and docs, except fragments."""
    found = []
    for page in PAGES:
        text = page.read_text()
        for block in _BLOCK.finditer(text):
            if not block[1] and _is_fragment(block[2]):
                continue
            line = text.count("\n", 0, block.start(2))
            found.append(Example(page, line, block[1] or "", block[2]))
    return found


#: Calls `application` once.
_CALL = """
from tests.gateway import make_environ, request

print(request(application, make_environ("POST", "/p", b'{"password": "s3cr3t", "kept": 1}', **ENVIRON)).status)
"""

_ENVIRON = """
ENVIRON = {
    "QUERY_STRING": "kept=1&api_key=s3cr3t",
    "CONTENT_TYPE": "application/json",
    "HTTP_AUTHORIZATION": "s3cr3t",
    "HTTP_COOKIE": "session=s3cr3t",
    "HTTP_X_API_KEY": "s3cr3t",
    "HTTP_X_USER_ID": "ann",
    "HTTP_X_COMPANY_ID": "acme",
}
"""

#: An application that answers with a secret, or with nothing at /nothing.
_ANSWERING = """
def answering(environ, start_response):
    environ["wsgi.input"].read()
    start_response("200 OK", [("Content-Type", "application/json"), ("Set-Cookie", "session=s3cr3t")])
    return [b"" if environ["PATH_INFO"] == "/nothing" else b'{"password": "s3cr3t", "kept": 2}']
"""

_WRAP_ANSWERING = """
from moesifwsgi import MoesifMiddleware

application = MoesifMiddleware(answering, {**moesif_settings, "BASE_URI": COLLECTOR})
"""

_DJANGO_BEFORE = """
from django.http import JsonResponse
from django.urls import path

SECRET_KEY = "not a secret"
ALLOWED_HOSTS = ["*"]
ROOT_URLCONF = "project_settings"
INSTALLED_APPS = ["django.contrib.contenttypes", "django.contrib.sessions", "django.contrib.auth", "moesifdjango"]
MIDDLEWARE = []
USE_TZ = True
urlpatterns = [path("p", lambda request: JsonResponse({"hello": "world"}))]
"""

_DJANGO_AFTER = """
import django
from django.core.management import call_command
from django.core.wsgi import get_wsgi_application

application = get_wsgi_application()
call_command("check")
"""

_SERVES_WSGI_APP = "application = app.wsgi_app"


@dataclass(frozen=True)
class Surroundings:
    """Code before and after an example, and the number of events that the collector has at the end."""

    before: str = ""
    after: str = ""
    events: int = 0
    #: Whether the example is the settings module of a Django project.
    is_settings_module: bool = False


_SERVED = _ENVIRON + _CALL

SURROUNDINGS = {
    "flask": Surroundings("import flask; app = flask.Flask(__name__)", _SERVES_WSGI_APP + _SERVED, 1),
    "bottle": Surroundings("", _SERVED, 1),
    "pyramid": Surroundings("", _SERVED, 1),
    "falcon": Surroundings("", _SERVED, 1),
    "plain": Surroundings("", _SERVED, 1),
    "django": Surroundings(_DJANGO_BEFORE, _DJANGO_AFTER + _SERVED, 1, is_settings_module=True),
    "settings": Surroundings(_ANSWERING, _WRAP_ANSWERING + _SERVED, 1),
    "identify": Surroundings(_ANSWERING, _WRAP_ANSWERING + _SERVED, 1),
    "mask": Surroundings(_ANSWERING, _WRAP_ANSWERING + _SERVED + _CALL.replace("/p", "/nothing"), 2),
    "old-mask": Surroundings(
        _ANSWERING,
        'moesif_settings = {"APPLICATION_ID": "my-app", "MASK_EVENT_MODEL": mask_event}\n'
        + _WRAP_ANSWERING
        + _SERVED
        + _CALL.replace("/p", "/nothing"),
        2,
    ),
    "outgoing": Surroundings("", 'import requests; requests.get(API + "/items", headers={"X-User-Id": "ann"})', 1),
    "profiles": Surroundings(
        "import flask; app = flask.Flask(__name__)\nfrom moesifwsgi import MoesifMiddleware\n"
        'app.wsgi_app = MoesifMiddleware(app.wsgi_app, {"APPLICATION_ID": "my-app", "BASE_URI": COLLECTOR})',
    ),
    "asgi": Surroundings('import os; os.environ["DJANGO_SETTINGS_MODULE"] = "tests.django.project.settings"'),
    "program": Surroundings(),
}
