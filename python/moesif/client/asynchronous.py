"""The API for programs that run an event loop."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from moesif.client import calls
from moesif.client.calls import Told
from moesif.client.collector import Collector
from moesif.client.configuration import Configuration, own
from moesif.client.documents import ACTION, COMPANY, EVENT, SUBSCRIPTION, USER
from moesif.client.waiting import wait_async
from moesif.models.event import Headers

if TYPE_CHECKING:
    from moesif.client.calls import Asked, Steps
    from moesif.client.documents import Document, Documents
    from moesif.client.exchange import HttpResponse
    from moesif.models import StatusModel

    _Result = TypeVar("_Result")

__all__ = ["AsyncClient"]


class AsyncClient:
    """The calls of ``ApiController`` and ``HealthController``, to be awaited.

    They take, return and raise the same. Nothing waits but the task that awaits; a call that is cancelled makes no
    further attempt. Eight requests of a process are under way at once, six of them to one collector; others
    wait for their turn, which counts as waiting for the answer.
    """

    def __init__(self, application_id: str, configuration: Configuration | None = None) -> None:
        """Check the id, the configuration (``MoesifAPIClient`` says how it is used) and the environment."""
        self.configuration = own(configuration, application_id)
        self._collector = Collector(self.configuration)
        self._collector.check()

    async def create_event(self, body: Document) -> Headers:
        """Record an API call."""
        return Headers((await self._run(calls.send(EVENT, body))).headers)

    async def create_events_batch(self, body: Documents) -> Headers:
        """Record API calls."""
        return await self._run(calls.send_batch(EVENT, body))

    async def create_action(self, body: Document) -> Headers:
        """Record what a user did."""
        return Headers((await self._run(calls.send(ACTION, body))).headers)

    async def create_actions_batch(self, body: Documents) -> Headers:
        """Record what users did."""
        return await self._run(calls.send_batch(ACTION, body))

    async def update_user(self, body: Document) -> None:
        """Create or update a user."""
        await self._run(calls.send(USER, body))

    async def update_users_batch(self, body: Documents) -> None:
        """Create or update users."""
        await self._run(calls.send_batch(USER, body))

    async def update_company(self, body: Document) -> None:
        """Create or update a company."""
        await self._run(calls.send(COMPANY, body))

    async def update_companies_batch(self, body: Documents) -> None:
        """Create or update companies."""
        await self._run(calls.send_batch(COMPANY, body))

    async def update_subscription(self, body: Document) -> None:
        """Create or update a subscription."""
        await self._run(calls.send(SUBSCRIPTION, body))

    async def update_subscriptions_batch(self, body: Documents) -> None:
        """Create or update subscriptions."""
        await self._run(calls.send_batch(SUBSCRIPTION, body))

    async def get_app_config(self) -> HttpResponse:
        """Return the answer with the operator's sampling rates and cohorts."""
        return await self._run(calls.fetch("/v1/config"))

    async def get_governance_rules(self) -> HttpResponse:
        """Return the answer with the operator's governance rules."""
        return await self._run(calls.fetch("/v1/rules"))

    async def get_health_probe(self) -> StatusModel:
        """Ask the collector how it is."""
        return await self._run(calls.probe())

    async def _run(self, steps: Steps[_Result]) -> _Result:
        try:
            asked = next(steps)
            while True:
                asked = steps.send(await self._ask(asked))
        except StopIteration as end:
            result: _Result = end.value
            return result

    async def _ask(self, asked: Asked) -> Told:
        return Told.of(self._collector.request(asked), await wait_async(self._collector.call(asked)))
