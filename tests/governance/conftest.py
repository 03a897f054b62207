"""Fixtures of governance tests. They run the same application with the WSGI middleware and in a Django project."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import pytest

from tests.gateway import hello
from tests.governance.rules import answer
from tests.remote.config import Config

if TYPE_CHECKING:
    from tests.conftest import Wrap
    from tests.recorder import Recorder


class Govern(Protocol):
    def __call__(
        self, rules: object, config: dict[str, Any] | None = None, application: Any = hello, /, **options: object
    ) -> Any: ...


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run each test with both middlewares, unless it is marked for one."""
    if "integration" in metafunc.fixturenames:
        only = metafunc.definition.get_closest_marker("only")
        metafunc.parametrize("integration", only.args if only else ["WSGI", "Django"])


@pytest.fixture
def govern(recorder: Recorder, wrap: Wrap, integration: str) -> Govern:
    """Wrap an application and wait until the rules are in force."""

    def make(
        rules: object, config: dict[str, Any] | None = None, application: Any = hello, /, **options: object
    ) -> Any:
        loaded = Config(**(config or {}))
        recorder.rules, recorder.config = answer(rules), loaded.answer
        if integration == "Django":
            from tests.django.hosted import hosted  # noqa: PLC0415 - configures Django

            middleware = hosted(application, recorder, options)
        else:
            middleware = wrap(application, **options)
        loaded.await_in(middleware)
        return middleware

    return make
