"""Fixtures for tests of the API clients."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import pytest

from moesif import _native
from moesif.client import AsyncClient, Configuration, MoesifAPIClient
from moesif.client.configuration import Unset

if TYPE_CHECKING:
    from tests.conftest import Destination


class Connect(Protocol):
    def __call__(self, to: Destination, **configuration: Any) -> MoesifAPIClient: ...


class ConnectAsync(Protocol):
    def __call__(self, to: Destination, **configuration: Any) -> AsyncClient: ...


@pytest.fixture(autouse=True)
def _forget_earlier_middlewares(monkeypatch: pytest.MonkeyPatch) -> None:
    """A client without an address uses that of a middleware. Middlewares of earlier tests must not count."""
    monkeypatch.setattr("moesif.client.configuration._middleware_addresses", {})
    monkeypatch.setattr(Configuration, "application_id", "SET_ME")
    monkeypatch.setattr(Configuration, "BASE_URI", Unset(_native.DEFAULT_BASE_URI))


@pytest.fixture
def connect() -> Connect:
    """Make clients for a collector."""

    def connect(to: Destination, **configuration: Any) -> MoesifAPIClient:
        return MoesifAPIClient(to.application_id, Configuration(BASE_URI=to.uri, **configuration))

    return connect


@pytest.fixture
def connect_async() -> ConnectAsync:
    """Make asyncio clients for a collector."""

    def connect(to: Destination, **configuration: Any) -> AsyncClient:
        return AsyncClient(to.application_id, Configuration(BASE_URI=to.uri, **configuration))

    return connect
