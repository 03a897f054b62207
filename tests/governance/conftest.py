"""What tests of governance are given."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import pytest

from tests.gateway import hello
from tests.governance.rules import answer
from tests.remote.loaded import Config

if TYPE_CHECKING:
    from tests.conftest import Wrap
    from tests.recorder import Recorder


class Govern(Protocol):
    def __call__(
        self, rules: object, config: dict[str, Any] | None = None, application: Any = hello, /, **options: object
    ) -> Any: ...


@pytest.fixture
def govern(recorder: Recorder, wrap: Wrap) -> Govern:
    """Put the middleware around an application and wait until rules are in force."""

    def make(
        rules: object, config: dict[str, Any] | None = None, application: Any = hello, /, **options: object
    ) -> Any:
        loaded = Config(**(config or {}))
        recorder.rules, recorder.config = answer(rules), loaded.answer
        middleware = wrap(application, **options)
        loaded.await_in(middleware)
        return middleware

    return make
