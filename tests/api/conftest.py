"""What tests of the client are given."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import pytest

from moesif.client import AsyncClient, Configuration, MoesifAPIClient

if TYPE_CHECKING:
    from tests.conftest import Destination


class Connect(Protocol):
    def __call__(self, to: Destination, **configuration: Any) -> MoesifAPIClient: ...


class ConnectAsync(Protocol):
    def __call__(self, to: Destination, **configuration: Any) -> AsyncClient: ...


@pytest.fixture(autouse=True)
def _no_middleware_before(monkeypatch: pytest.MonkeyPatch) -> None:
    """Clients send where middlewares send, those of earlier tests too."""
    monkeypatch.setattr("moesif.client.configuration._followed", {})


@pytest.fixture
def connect() -> Connect:
    """Make a client of a collector."""

    def connect(to: Destination, **configuration: Any) -> MoesifAPIClient:
        return MoesifAPIClient(to.application_id, Configuration(BASE_URI=to.uri, **configuration))

    return connect


@pytest.fixture
def connect_async() -> ConnectAsync:
    """Make a client for asyncio."""

    def connect(to: Destination, **configuration: Any) -> AsyncClient:
        return AsyncClient(to.application_id, Configuration(BASE_URI=to.uri, **configuration))

    return connect
