"""The API for programs that wait for it."""

from __future__ import annotations

import gzip
from typing import TYPE_CHECKING, TypeVar

from moesif.client import calls
from moesif.client.calls import Told
from moesif.client.collector import Collector
from moesif.client.configuration import Configuration, own
from moesif.client.documents import ACTION, COMPANY, EVENT, SUBSCRIPTION, USER
from moesif.client.exchange import HttpContext, HttpResponse
from moesif.client.legacy import APIHelper
from moesif.client.waiting import wait
from moesif.made_once import made_once
from moesif.models.event import Headers

if TYPE_CHECKING:
    from moesif import _native
    from moesif.client.calls import Asked, Steps
    from moesif.client.documents import Document, Documents
    from moesif.client.exchange import HttpCallBack, HttpClient
    from moesif.models import StatusModel

    _Result = TypeVar("_Result")

__all__ = ["ApiController", "BaseController", "HealthController", "MoesifAPIClient"]


class BaseController:
    """What controllers have in common: how a call is made.

    ``http_call_back`` is told of every request and answer. ``http_client`` makes the requests where one is set, without
    the retries of the native one. Both may be set on a controller, or on the class for all of them.
    """

    http_call_back: HttpCallBack | None = None
    http_client: HttpClient | None = None

    def __init__(
        self,
        http_client: HttpClient | None = None,
        http_call_back: HttpCallBack | None = None,
        collector: Collector | None = None,
    ) -> None:
        """Talk to ``collector``, else to the one that ``Configuration`` names when a call is made."""
        if http_client is not None:
            self.http_client = http_client
        if http_call_back is not None:
            self.http_call_back = http_call_back
        self._collector = collector or Collector(Configuration())

    def validate_response(self, context: HttpContext) -> None:
        """Raise ``APIException`` for an answer that is no success, and for none."""
        Told(context, None).response()

    def _run(self, steps: Steps[_Result]) -> _Result:
        return calls.run(steps, self._ask)

    def _ask(self, asked: Asked) -> Told:
        request = self._collector.request(asked)
        if self.http_call_back is not None:
            self.http_call_back.on_before_request(request)
        if self.http_client is not None:
            told = Told(HttpContext(request, self.http_client.execute_as_string(request)), None)
        else:
            told = Told.of(request, wait(self._collector.call(asked)))
        if self.http_call_back is not None and told.context.response is not None:
            self.http_call_back.on_after_response(told.context)
        return told


class ApiController(BaseController):
    """The calls of the API. Each waits for its answer, for ``Configuration.timeout`` seconds at most.

    A document is a dictionary, a model of ``moesif.models`` or JSON text; what is ``None`` in it is left out. Values
    may be anything: dates are sent in ISO form. A batch is a list of documents, or JSON text of one; it is sent with as
    few requests as the API's limits allow.

    Raises ``ValueError`` when something required is missing, naming it, and sends nothing then; ``TypeError`` for what
    is no document; ``APIException`` when the API refuses; ``APIConnectionError``, which is one, when no answer comes.
    Where the API keeps all but some documents of a batch, the exception names those, after all of the batch was sent;
    its ``response_code`` is 201. Of a batch that was sent with several requests some may be kept when one fails.
    Sending all of it again does no harm to profiles, nor to events and actions that have a ``transaction_id`` of their
    own, as models of events have; any other is given a new one each time, and is stored again.
    """

    @classmethod
    def generate_post_payload(cls, body: object, headers: dict[str, str]) -> tuple[bytes, dict[str, str]]:
        """Return a document as gzipped JSON, and the headers with the one that says so: for other ways to send it."""
        headers["Content-Encoding"] = "gzip"
        return gzip.compress((APIHelper.json_serialize(body) or "").encode()), headers

    def create_event(self, body: Document) -> Headers:
        """Record an API call: ``request`` with ``time``, ``uri`` and ``verb``, and, say, ``response`` and ``user_id``.

        Returns the headers of the answer, found in any case.
        """
        return Headers(self._run(calls.send(EVENT, body)).headers)

    def create_events_batch(self, body: Documents) -> Headers:
        """Record API calls. Returns the headers of the last answer."""
        return self._run(calls.send_batch(EVENT, body))

    def create_action(self, body: Document) -> Headers:
        """Record what a user did: ``action_name``, ``request`` with ``uri``, and, say, ``user_id`` and ``metadata``."""
        return Headers(self._run(calls.send(ACTION, body)).headers)

    def create_actions_batch(self, body: Documents) -> Headers:
        """Record what users did. Returns the headers of the last answer."""
        return self._run(calls.send_batch(ACTION, body))

    def update_user(self, body: Document) -> None:
        """Create or update a user: ``user_id`` and, say, ``company_id``, ``campaign`` and ``metadata``."""
        self._run(calls.send(USER, body))

    def update_users_batch(self, body: Documents) -> None:
        """Create or update users."""
        self._run(calls.send_batch(USER, body))

    def update_company(self, body: Document) -> None:
        """Create or update a company: ``company_id`` and, say, ``company_domain``, ``campaign`` and ``metadata``."""
        self._run(calls.send(COMPANY, body))

    def update_companies_batch(self, body: Documents) -> None:
        """Create or update companies."""
        self._run(calls.send_batch(COMPANY, body))

    def update_subscription(self, body: Document) -> None:
        """Create or update a subscription: ``subscription_id``, ``company_id``, ``status`` and, say, ``metadata``."""
        self._run(calls.send(SUBSCRIPTION, body))

    def update_subscriptions_batch(self, body: Documents) -> None:
        """Create or update subscriptions."""
        self._run(calls.send_batch(SUBSCRIPTION, body))

    def get_app_config(self) -> HttpResponse:
        """Return the answer with the operator's sampling rates and cohorts: ``raw_body`` is a JSON object."""
        return self._run(calls.fetch("/v1/config"))

    def get_governance_rules(self) -> HttpResponse:
        """Return the answer with the operator's governance rules: ``raw_body`` is a JSON array."""
        return self._run(calls.fetch("/v1/rules"))


class HealthController(BaseController):
    """Whether the collector is well."""

    def get_health_probe(self) -> StatusModel:
        """Ask the collector: ``status`` is true and ``region`` a name where it is."""
        return self._run(calls.probe())


class MoesifAPIClient:
    """The API under an application id: ``MoesifAPIClient(application_id).api.update_user(...)``.

    ``configuration`` is this client's own: a copy of the one that is given, else what the program's ``Configuration``
    says. Making a client opens no connection and starts no thread. Of all requests of a process eight are under way at
    once, six of them to one collector. A request is not carried over a fork.

    Raises ``ValueError`` without an application id, or for a bad value in the configuration or the environment.
    """

    def __init__(self, application_id: str, configuration: Configuration | None = None) -> None:
        """Check the id, the configuration and the environment."""
        self.configuration = own(configuration, application_id)
        self._collector = Collector(self.configuration)
        self._collector.check()

    @classmethod
    def over(cls, native: _native.ApiClient) -> MoesifAPIClient:
        """Return the client of a middleware: it goes where the middleware's settings say, whatever is set here."""
        client = cls.__new__(cls)
        client.configuration = own(None, native.application_id)
        client.configuration.BASE_URI = native.base_uri
        client._collector = Collector(client.configuration, native)  # noqa: SLF001 - its own
        return client

    @made_once
    def api(self) -> ApiController:
        """The calls."""
        return ApiController(collector=self._collector)

    @made_once
    def health(self) -> HealthController:
        """The health probe."""
        return HealthController(collector=self._collector)
