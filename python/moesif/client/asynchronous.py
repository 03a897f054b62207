"""The client for asyncio."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from moesif.client import operations
from moesif.client.configuration import Configuration, copy_for_client
from moesif.client.documents import ACTION, COMPANY, EVENT, SUBSCRIPTION, USER
from moesif.client.endpoint import Endpoint
from moesif.client.operations import ApiResult
from moesif.client.transport import execute_async
from moesif.models import Headers

if TYPE_CHECKING:
    from moesif.client.documents import Document, Documents
    from moesif.client.http import HttpResponse
    from moesif.client.operations import ApiRequest, Operation
    from moesif.models import StatusModel

    _Result = TypeVar("_Result")

__all__ = ["AsyncClient"]


class AsyncClient:
    """The calls of ``ApiController`` and ``HealthController`` as coroutines.

    They take, return and raise the same. Only the task that awaits a call waits. A call that is cancelled
    makes no further attempt. A process makes at most eight requests at once, and at most six to one
    collector; others wait, and the wait counts towards their timeout.
    """

    def __init__(self, application_id: str, configuration: Configuration | None = None) -> None:
        """Check the id, the configuration and the environment, as ``MoesifAPIClient`` does."""
        self.configuration = copy_for_client(configuration, application_id)
        self._endpoint = Endpoint(self.configuration)
        self._endpoint.check()

    async def create_event(self, body: Document) -> Headers:
        """Send an event."""
        return Headers((await self._run(operations.send_document(EVENT, body))).headers)

    async def create_events_batch(self, body: Documents) -> Headers:
        """Send events."""
        return await self._run(operations.send_batch(EVENT, body))

    async def create_action(self, body: Document) -> Headers:
        """Send an action of a user."""
        return Headers((await self._run(operations.send_document(ACTION, body))).headers)

    async def create_actions_batch(self, body: Documents) -> Headers:
        """Send actions of users."""
        return await self._run(operations.send_batch(ACTION, body))

    async def update_user(self, body: Document) -> None:
        """Create or update a user."""
        await self._run(operations.send_document(USER, body))

    async def update_users_batch(self, body: Documents) -> None:
        """Create or update users."""
        await self._run(operations.send_batch(USER, body))

    async def update_company(self, body: Document) -> None:
        """Create or update a company."""
        await self._run(operations.send_document(COMPANY, body))

    async def update_companies_batch(self, body: Documents) -> None:
        """Create or update companies."""
        await self._run(operations.send_batch(COMPANY, body))

    async def update_subscription(self, body: Document) -> None:
        """Create or update a subscription."""
        await self._run(operations.send_document(SUBSCRIPTION, body))

    async def update_subscriptions_batch(self, body: Documents) -> None:
        """Create or update subscriptions."""
        await self._run(operations.send_batch(SUBSCRIPTION, body))

    async def get_app_config(self) -> HttpResponse:
        """Get the remote configuration: sampling rates and cohorts."""
        return await self._run(operations.fetch("/v1/config"))

    async def get_governance_rules(self) -> HttpResponse:
        """Get the governance rules."""
        return await self._run(operations.fetch("/v1/rules"))

    async def get_health_probe(self) -> StatusModel:
        """Get the health of the collector."""
        return await self._run(operations.probe())

    async def _run(self, operation: Operation[_Result]) -> _Result:
        try:
            request = next(operation)
            while True:
                request = operation.send(await self._send(request))
        except StopIteration as end:
            result: _Result = end.value
            return result

    async def _send(self, request: ApiRequest) -> ApiResult:
        http_request = self._endpoint.http_request(request)
        return ApiResult.of(http_request, await execute_async(self._endpoint.native_call(request)))
