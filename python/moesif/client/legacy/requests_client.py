"""``RequestsClient`` of moesifapi."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urlencode, urlsplit

from moesif.client.configuration import Configuration
from moesif.client.endpoint import Endpoint
from moesif.client.errors import APIConnectionError
from moesif.client.http import HttpClient, HttpContext, HttpMethodEnum, HttpRequest, HttpResponse
from moesif.client.operations import ApiRequest
from moesif.client.transport import execute

if TYPE_CHECKING:
    from moesif.client.transport import Outcome

__all__ = ["RequestsClient"]


class RequestsClient(HttpClient):
    """Sends requests with the native client, like a controller without ``http_client``."""

    def execute_as_string(self, request: HttpRequest) -> HttpResponse:
        """Send a GET, or a POST of JSON text.

        Raises ``APIConnectionError`` if no answer comes, ``NotImplementedError`` for other methods.
        """
        outcome = _execute(request)
        return HttpResponse.of(outcome.status, outcome.fields, outcome.body)

    def execute_as_binary(self, request: HttpRequest) -> HttpResponse:
        """Send a request like ``execute_as_string``. ``raw_body`` of the response is bytes."""
        outcome = _execute(request)
        response: Any = HttpResponse.of(outcome.status, outcome.fields, b"")
        response.raw_body = outcome.body
        return cast("HttpResponse", response)


def _execute(request: HttpRequest) -> Outcome:
    if request.http_method not in {HttpMethodEnum.GET, HttpMethodEnum.POST}:
        message = f"the API has no {request.http_method} requests: expected GET or POST"
        raise NotImplementedError(message)
    parts = urlsplit(request.query_url)
    queries = (parts.query, urlencode(request.query_parameters or {}, doseq=True))
    query = "&".join(text for text in queries if text)
    application_id = dict(request.headers or {}).get("X-Moesif-Application-Id") or Configuration.application_id
    configuration = Configuration(BASE_URI=f"{parts.scheme}://{parts.netloc}", application_id=application_id)
    document = request.parameters if request.http_method == HttpMethodEnum.POST else None
    api_request = ApiRequest(f"{parts.path}?{query}" if query else parts.path, document)
    outcome = execute(Endpoint(configuration).native_call(api_request))
    if not outcome.status:
        raise APIConnectionError(outcome.problem or "no answer came", HttpContext(request, None))
    return outcome
