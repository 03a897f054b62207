"""A Django project with a database in this process, and clients that call it through the middleware.

`make test` runs these tests once for each Django of matrix.py, in an environment that has it.
"""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, Protocol

import pytest

from tests.django.ready import FAST  # isort: skip - the imports of Django need it

from django.conf import settings
from django.core.management import call_command
from django.db import connection
from django.test import Client, override_settings
from django.test.utils import CaptureQueriesContext

from tests.django.project import views

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.recorder import Recorder


def _forget(*_arguments: object, **_keywords: object) -> None:
    """Ignore an exception of the view, so that the client gets Django's response to it."""


@pytest.fixture(scope="session", autouse=True)
def _database() -> Iterator[None]:
    settings.ALLOWED_HOSTS = ["*"]
    call_command("migrate", verbosity=0, run_syncdb=True)
    from django.contrib.auth.models import User

    User.objects.create_user("ann", "ann@example.com", "secret")
    yield
    connection.close()


@pytest.fixture(autouse=True)
def _journal() -> None:
    views.JOURNAL.clear()


class Project(Protocol):
    def __call__(
        self, *, middleware: list[str] | None = None, django: dict[str, Any] | None = None, **options: object
    ) -> Any: ...


@pytest.fixture
def project(recorder: Recorder) -> Iterator[Project]:
    """Make a client of the project with these options. Its events go to ``recorder``."""
    with ExitStack() as stack:

        def make(
            *,
            middleware: list[str] | None = None,
            django: dict[str, Any] | None = None,
            client: Any = Client,
            **options: object,
        ) -> Any:
            given = {"APPLICATION_ID": recorder.application_id, "BASE_URI": recorder.uri, **FAST, **options}
            listed = [*settings.AROUND, settings.OURS] if middleware is None else middleware
            stack.enter_context(
                override_settings(
                    MOESIF_MIDDLEWARE=given, MIDDLEWARE=listed, MIDDLEWARE_CLASSES=listed, **(django or {})
                )
            )
            return type(client.__name__, (client,), {"store_exc_info": _forget})()

        yield make


@pytest.fixture
def selects(caplog: pytest.LogCaptureFixture) -> Any:
    """Count the queries of all threads so far. ``DEBUG`` must be on."""
    caplog.set_level("DEBUG", "django.db.backends")
    return lambda: sum("SELECT" in record.getMessage() for record in caplog.records)


@pytest.fixture
def queries() -> Any:
    """Capture the queries of a block."""
    return lambda: CaptureQueriesContext(connection)
