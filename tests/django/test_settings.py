"""Errors name the invalid setting. Starting makes no network call and does not depend on the collector.

docs/guarantees.md: I-2.
"""

from __future__ import annotations

import io
import logging
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.core.management import call_command
from django.core.management.base import SystemCheckError
from django.http import HttpResponse
from django.test import RequestFactory, override_settings

import django
from moesifdjango.middleware import MoesifMiddleware, moesif_middleware
from moesifdjango.middleware_pre19 import MoesifMiddlewarePre19
from moesifwsgi import MoesifMiddleware as WsgiMiddleware
from tests.collector import ROOT

if TYPE_CHECKING:
    from tests.collector import Nowhere
    from tests.django.conftest import Project
    from tests.recorder import Recorder

WRONG: list[tuple[Any, str]] = [
    ({"application_id": "a"}, "did you mean APPLICATION_ID"),
    ({"APPLICATION_ID": "a", "BASE_URL": "http://h"}, "did you mean BASE_URI"),
    ({"APP_ID": "a"}, "APP_ID"),
    ({}, "APPLICATION_ID"),
    (None, "APPLICATION_ID"),
    ({"APPLICATION_ID": ""}, "APPLICATION_ID"),
    ({"APPLICATION_ID": "a", "BATCH_SIZE": "many"}, "BATCH_SIZE"),
    ({"APPLICATION_ID": "a", "BASE_URI": "nonsense"}, "BASE_URI"),
    ({"APPLICATION_ID": "a", "SKIP": "health"}, "SKIP"),
    ({"APPLICATION_ID": "a", "DJANGO_USER": "always"}, "DJANGO_USER"),
    (["APPLICATION_ID"], "MOESIF_MIDDLEWARE"),
]


@pytest.mark.parametrize(("given", "named"), WRONG, ids=lambda value: str(value)[:60])
@pytest.mark.parametrize("make", [lambda: moesif_middleware(lambda request: request), MoesifMiddlewarePre19])
def test_invalid_setting_is_named_when_the_middleware_is_made(make: Any, given: Any, named: str) -> None:
    with override_settings(MOESIF_MIDDLEWARE=given), pytest.raises(ImproperlyConfigured, match=named) as raised:
        make()
    assert "MOESIF_MIDDLEWARE" in str(raised.value)


@pytest.mark.parametrize(("given", "named"), WRONG, ids=lambda value: str(value)[:60])
def test_invalid_setting_is_reported_by_the_check(given: Any, named: str) -> None:
    with override_settings(MOESIF_MIDDLEWARE=given), pytest.raises(SystemCheckError) as raised:
        call_command("check", stdout=io.StringIO())
    assert "moesif.E001" in str(raised.value)
    assert named in str(raised.value)


def test_check_is_silent_in_a_project_without_the_middleware() -> None:
    with override_settings(MIDDLEWARE=[], MIDDLEWARE_CLASSES=[], MOESIF_MIDDLEWARE=None):
        call_command("check", stdout=io.StringIO())
    with override_settings(MOESIF_MIDDLEWARE=None), pytest.raises(SystemCheckError, match="APPLICATION_ID"):
        call_command("check", stdout=io.StringIO())


def test_check_accepts_valid_settings() -> None:
    errors = io.StringIO()
    with override_settings(MOESIF_MIDDLEWARE={"APPLICATION_ID": "a"}):
        call_command("check", stdout=io.StringIO(), stderr=errors)
    # Some Djangos warn about the settings of these tests.
    assert "moesif." not in errors.getvalue()


def test_check_warns_of_misspelt_options(caplog: pytest.LogCaptureFixture) -> None:
    errors = io.StringIO()
    with override_settings(MOESIF_MIDDLEWARE={"APPLICATION_ID": "a", "BATCH_SZIE": 5, "COLOUR": "red"}):
        call_command("check", stdout=io.StringIO(), stderr=errors)
        if django.VERSION >= (1, 10):  # before, no warning made the command fail
            with pytest.raises(SystemCheckError):
                call_command("check", stdout=io.StringIO(), stderr=io.StringIO(), fail_level="WARNING")
    said = errors.getvalue()
    assert (
        'moesif.W001) MOESIF_MIDDLEWARE: "BATCH_SZIE" is not an option and is ignored: did you mean BATCH_SIZE' in said
    )
    assert '"COLOUR" is not an option' in said
    assert caplog.records == []


def test_warnings_of_the_check_do_not_say_to_set_the_option() -> None:
    from moesif.django.apps import check_settings

    given = {"APPLICATION_ID": "a", "BATCH_SZIE": 5, "BATCH_SIZE": 10.0}
    with override_settings(MOESIF_MIDDLEWARE=given):
        assert [(message.id, message.hint) for message in check_settings()] == [("moesif.W001", None)] * 2


def test_installed_apps_entry_is_optional(project: Project, recorder: Recorder) -> None:
    installed = ["django.contrib.contenttypes", "django.contrib.sessions", "django.contrib.auth"]
    assert project(django={"INSTALLED_APPS": installed}).get("/plain").status_code == 200
    recorder.wait_for(1)


def test_the_documented_names_are_one_class() -> None:
    import moesifdjango

    assert MoesifMiddleware is moesif_middleware
    assert moesifdjango.moesif_middleware is moesifdjango.MoesifMiddleware is moesif_middleware


@pytest.mark.parametrize("batch", [None, 7])
def test_default_batch_size_is_25(project: Project, recorder: Recorder, batch: Any) -> None:
    client = project(EVENT_BATCH_TIMEOUT=1, BATCH_SIZE=batch)
    for _ in range(50):
        client.get("/plain")
    recorder.wait_for(50)
    sizes = [len(delivery.events) for delivery in recorder.deliveries]
    assert max(sizes) == (batch or 25)


def test_an_option_may_come_from_the_environment(recorder: Recorder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOESIF_APPLICATION_ID", recorder.application_id)
    monkeypatch.setenv("MOESIF_BASE_URI", recorder.uri)
    with override_settings(MOESIF_MIDDLEWARE={}):
        middleware = moesif_middleware(lambda _request: HttpResponse("ok"))
    middleware(RequestFactory().get("/"))
    recorder.wait_for(1)


def test_local_debug_logs_and_adds_no_header(project: Project, recorder: Recorder) -> None:
    logger = logging.getLogger("moesif")
    level, handlers = logger.level, list(logger.handlers)
    try:
        response = project(LOCAL_DEBUG=True).get("/plain")
        assert logger.level == logging.DEBUG
        assert not response.has_header("X-Moesif-Wsgi-Pid")
    finally:
        logger.setLevel(level)
        logger.handlers[:] = handlers
    recorder.wait_for(1)


def test_unreachable_collector_does_not_affect_responses(project: Project, nowhere: Nowhere) -> None:
    client = project(APPLICATION_ID=nowhere.application_id, BASE_URI=nowhere.uri)
    for _ in range(3):
        assert client.get("/plain").status_code == 200


START = """
import os, socket

def refuse(*arguments):
    raise AssertionError(f"{arguments} was looked up or connected to")

socket.getaddrinfo = socket.socket.connect = refuse
from tests.django.project import shim
shim.install()
import django
django.setup()
from django.core.handlers.wsgi import WSGIHandler
WSGIHandler().load_middleware()
assert len(os.listdir("/proc/self/task")) == 1
print("started")
"""


def test_start_makes_no_connection_and_no_thread() -> None:
    variables = {
        "DJANGO_SETTINGS_MODULE": "tests.django.project.settings",
        "MOESIF_APPLICATION_ID": "a",
        # An address that no network routes (RFC 5737).
        "MOESIF_BASE_URI": "http://192.0.2.1:9",
    }
    ended = subprocess.run(
        [sys.executable, "-c", START],
        env={**os.environ, **variables},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.stdout.strip() == "started", ended.stderr


def test_importing_the_packages_of_wsgi_imports_no_django() -> None:
    program = "import sys, moesif, moesifwsgi, moesifapi; assert not [name for name in sys.modules if 'django' in name]"
    subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=True, timeout=60)


@pytest.mark.skipif(django.VERSION < (1, 10), reason="Django 1.9 gives middlewares no argument to recognise it by")
def test_wsgi_middleware_in_a_django_project_names_the_right_one(project: Project) -> None:
    client = project(middleware=["moesifwsgi.MoesifMiddleware"])
    with pytest.raises(TypeError, match=r"List moesifdjango\.middleware\.moesif_middleware there"):
        client.get("/plain/")


def test_wsgi_middleware_called_with_a_request_of_django_names_the_right_one() -> None:
    middleware: Any = WsgiMiddleware(lambda *_arguments: [], {"APPLICATION_ID": "x"})
    with pytest.raises(TypeError, match=r"WSGIRequest in place of an environ dictionary.*moesif_middleware"):
        middleware(RequestFactory().get("/"))


@pytest.mark.parametrize("make", [moesif_middleware, MoesifMiddlewarePre19])
def test_django_middleware_in_another_framework_names_the_right_one(make: Any) -> None:
    said = "works only in MIDDLEWARE of a Django project"
    makings: list[Any] = [((), {"settings": {}}), (({},), {}), ((), {"app": print})]
    for arguments, keywords in makings:
        with pytest.raises(TypeError, match=said):
            make(print, *arguments, **keywords)
    with override_settings(MOESIF_MIDDLEWARE={"APPLICATION_ID": "x"}):
        middleware = moesif_middleware(lambda request: request)
    calls: list[Any] = [
        (({}, print), {}),
        (({}, print, print), {}),
        ((), {"scope": {}, "receive": print, "send": print}),
    ]
    for arguments, keywords in calls:
        with pytest.raises(TypeError, match=said):
            middleware(*arguments, **keywords)
