"""The blocking client."""

from __future__ import annotations

import gzip
from typing import TYPE_CHECKING, TypeVar

from moesif.client import operations
from moesif.client.as_written import send_as_written
from moesif.client.configuration import Configuration, copy_for_client, publish
from moesif.client.documents import ACTION, COMPANY, EVENT, SUBSCRIPTION, USER
from moesif.client.endpoint import Endpoint
from moesif.client.http import HttpContext, HttpResponse
from moesif.client.legacy.api_helper import APIHelper
from moesif.client.legacy.requests_client import RequestsClient, sends_natively
from moesif.client.operations import ApiResult
from moesif.client.transport import execute
from moesif.lazy import lazy_property
from moesif.models import Headers

if TYPE_CHECKING:
    from moesif import _native
    from moesif.client.documents import Document, Documents
    from moesif.client.http import HttpCallBack, HttpClient, HttpRequest
    from moesif.client.operations import ApiRequest, Operation
    from moesif.models import StatusModel

    _Result = TypeVar("_Result")

__all__ = ["ApiController", "BaseController", "HealthController", "MoesifAPIClient"]


class BaseController:
    """Base class of the controllers: makes their requests.

    ``http_call_back`` is called with every request and answer. A request that it changes is sent as changed.
    ``http_client`` makes the requests. The default sends with the native client, which retries. Another client makes
    each request once. Both can be set on a controller, or on the class for all controllers.
    """

    http_call_back: HttpCallBack | None = None
    http_client: HttpClient | None = RequestsClient()

    def __init__(
        self,
        http_client: HttpClient | None = None,
        http_call_back: HttpCallBack | None = None,
        endpoint: Endpoint | None = None,
    ) -> None:
        """Send to ``endpoint``. By default, send where ``Configuration`` says at the time of each call."""
        if http_client is not None:
            self.http_client = http_client
        if http_call_back is not None:
            self.http_call_back = http_call_back
        self._endpoint = endpoint or Endpoint(Configuration())

    def validate_response(self, context: HttpContext) -> None:
        """Raise ``APIException`` if the answer is missing or its status is not 2xx."""
        ApiResult(context, None).response()

    def _run(self, operation: Operation[_Result]) -> _Result:
        return operations.run(operation, self._send)

    def _send(self, request: ApiRequest) -> ApiResult:
        http_request = self._endpoint.http_request(request)
        is_changed = False
        if self.http_call_back is not None:
            before = _attributes(http_request)
            self.http_call_back.on_before_request(http_request)
            is_changed = _attributes(http_request) != before
        if self.http_client is not None and not sends_natively(self.http_client):
            result = ApiResult(HttpContext(http_request, self.http_client.execute_as_string(http_request)), None)
        elif is_changed:
            timeout = self._endpoint.configuration.timeout
            result = ApiResult.of(http_request, send_as_written(http_request, timeout, is_repeatable=True))
        else:
            result = ApiResult.of(http_request, execute(self._endpoint.native_call(request)))
        if self.http_call_back is not None and result.context.response is not None:
            self.http_call_back.on_after_response(result.context)
        return result


def _attributes(request: HttpRequest) -> dict[str, object]:
    """Return the attributes of a request as they are now."""
    return {**vars(request), "headers": dict(request.headers or {})}


class ApiController(BaseController):
    """The calls of the API. Each waits for its answer, for at most ``Configuration.timeout`` seconds, retries included.

    A document is a dictionary, a model of ``moesif.models`` or JSON text. Fields that are ``None`` are not
    sent. Values may be of any type: dates are sent in ISO 8601 form. A batch is an iterable of documents, or
    JSON text of an array. A batch beyond the limits of the API is sent with several requests.

    Errors:

    - ``ValueError`` if a required field is missing or a document is too long. Nothing is sent then.
    - ``TypeError`` if an argument is not a document. Nothing is sent then.
    - ``APIException`` if the API refuses. If it stores only some documents of a batch, the rest of the batch
      is sent first; the exception then names the documents that were not stored, and its ``response_code`` is
      201.
    - ``APIConnectionError``, a subclass of ``APIException``, if no answer comes.

    When a batch was sent with several requests and one fails, documents of earlier requests are stored.
    Profiles can safely be sent again, and so can events and actions that have a ``transaction_id`` (event
    models always have one). Others would be stored a second time.
    """

    @classmethod
    def generate_post_payload(cls, body: object, headers: dict[str, str]) -> tuple[bytes, dict[str, str]]:
        """Return a document as gzipped JSON, and ``headers`` with ``Content-Encoding`` added.

        For programs that send documents with another HTTP client.
        """
        headers["Content-Encoding"] = "gzip"
        return gzip.compress((APIHelper.json_serialize(body) or "").encode()), headers

    def create_event(self, body: Document) -> Headers:
        """Send an event. ``request`` with ``time``, ``uri`` and ``verb`` is required.

        If there is a ``response``, its ``time`` and ``status`` are required. Returns the headers of the
        answer.
        """
        return Headers(self._run(operations.send_document(EVENT, body)).headers)

    def create_events_batch(self, body: Documents) -> Headers:
        """Send events. Returns the headers of the last answer."""
        return self._run(operations.send_batch(EVENT, body))

    def create_action(self, body: Document) -> Headers:
        """Send an action of a user. ``action_name`` and ``request`` with ``uri`` are required.

        Returns the headers of the answer.
        """
        return Headers(self._run(operations.send_document(ACTION, body)).headers)

    def create_actions_batch(self, body: Documents) -> Headers:
        """Send actions of users. Returns the headers of the last answer."""
        return self._run(operations.send_batch(ACTION, body))

    def update_user(self, body: Document) -> None:
        """Create or update a user. ``user_id`` is required."""
        self._run(operations.send_document(USER, body))

    def update_users_batch(self, body: Documents) -> None:
        """Create or update users."""
        self._run(operations.send_batch(USER, body))

    def update_company(self, body: Document) -> None:
        """Create or update a company. ``company_id`` is required."""
        self._run(operations.send_document(COMPANY, body))

    def update_companies_batch(self, body: Documents) -> None:
        """Create or update companies."""
        self._run(operations.send_batch(COMPANY, body))

    def update_subscription(self, body: Document) -> None:
        """Create or update a subscription. ``subscription_id``, ``company_id`` and ``status`` are required."""
        self._run(operations.send_document(SUBSCRIPTION, body))

    def update_subscriptions_batch(self, body: Documents) -> None:
        """Create or update subscriptions."""
        self._run(operations.send_batch(SUBSCRIPTION, body))

    def get_app_config(self) -> HttpResponse:
        """Get the remote configuration: sampling rates and cohorts. ``raw_body`` is a JSON object."""
        return self._run(operations.fetch("/v1/config"))

    def get_governance_rules(self) -> HttpResponse:
        """Get the governance rules. ``raw_body`` is a JSON array."""
        return self._run(operations.fetch("/v1/rules"))


class HealthController(BaseController):
    """The health check of the collector."""

    def get_health_probe(self) -> StatusModel:
        """Get the health: ``status`` is true if the collector is well; ``region`` names where it runs.

        Raises ``APIException`` if it does not answer like a collector.
        """
        return self._run(operations.probe())


class MoesifAPIClient:
    """The API for one application id: ``MoesifAPIClient(application_id).api.update_user(...)``.

    The client has its own ``configuration``: a copy of the argument, or of the program's ``Configuration``.
    Creating a client opens no connection and starts no thread. A process makes at most eight requests at
    once, and at most six to one collector; others wait, and the wait counts towards their timeout. A client
    can be used before and after a fork, but a request does not continue in the child.

    A client without ``configuration`` also sets the application id of ``Configuration``, as with moesifapi.
    Controllers of other packages read it there. The calls of other clients do not change.

    Raises ``ValueError`` if the application id is missing, or a value in the configuration or environment is
    invalid.
    """

    def __init__(self, application_id: str, configuration: Configuration | None = None) -> None:
        """Check the id, the configuration and the environment."""
        self.configuration = copy_for_client(configuration, application_id)
        self._endpoint = Endpoint(self.configuration)
        self._endpoint.check()
        if configuration is None:
            publish(application_id, self._endpoint.native().base_uri)

    @classmethod
    def from_native(cls, native: _native.ApiClient) -> MoesifAPIClient:
        """Return the client of a middleware. It sends where the middleware sends, whatever its configuration says."""
        client = cls.__new__(cls)
        client.configuration = copy_for_client(None, native.application_id)
        client.configuration.BASE_URI = native.base_uri
        client._endpoint = Endpoint(client.configuration, native)  # noqa: SLF001 - an object of this class
        return client

    @lazy_property
    def api(self) -> ApiController:
        """The calls of the API."""
        return ApiController(endpoint=self._endpoint)

    @lazy_property
    def health(self) -> HealthController:
        """The health check."""
        return HealthController(endpoint=self._endpoint)
