"""``RequestsClient`` of moesifapi, the default HTTP client of controllers."""

from __future__ import annotations

import gzip
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urlencode, urlsplit

from moesif.client.configuration import Configuration
from moesif.client.endpoint import Endpoint
from moesif.client.errors import APIConnectionError
from moesif.client.http import HttpClient, HttpContext, HttpMethodEnum, HttpRequest, HttpResponse
from moesif.client.operations import ApiRequest
from moesif.client.transport import execute
from moesif.models import Headers

if TYPE_CHECKING:
    from moesif.client.transport import Outcome

__all__ = ["RequestsClient", "sends_natively"]


class RequestsClient(HttpClient):
    """Sends requests with the native client. Of the headers, only the application id and ``User-Agent`` are used."""

    def execute_as_string(self, request: HttpRequest) -> HttpResponse:
        """Send a GET, or a POST of JSON text. The text may be gzipped bytes, with ``Content-Encoding: gzip``.

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


_EXECUTE = RequestsClient.execute_as_string


def sends_natively(client: HttpClient) -> bool:
    """Return whether a client sends as ``RequestsClient`` does: no subclass, mock or patch has replaced the method."""
    return getattr(client.execute_as_string, "__func__", None) is _EXECUTE


def _execute(request: HttpRequest) -> Outcome:
    if request.http_method not in {HttpMethodEnum.GET, HttpMethodEnum.POST}:
        message = f"the API has no {request.http_method} requests: expected GET or POST"
        raise NotImplementedError(message)
    parts = urlsplit(request.query_url)
    queries = (parts.query, urlencode(request.query_parameters or {}, doseq=True))
    query = "&".join(text for text in queries if text)
    headers = Headers(request.headers or {})
    configuration = Configuration(
        BASE_URI=f"{parts.scheme}://{parts.netloc}",
        application_id=headers.get("X-Moesif-Application-Id") or Configuration.application_id,
        version=headers.get("User-Agent"),
    )
    document = _document(request.parameters, headers) if request.http_method == HttpMethodEnum.POST else None
    api_request = ApiRequest(f"{parts.path}?{query}" if query else parts.path, document)
    outcome = execute(Endpoint(configuration).native_call(api_request))
    if not outcome.status:
        raise APIConnectionError(outcome.problem or "no answer came", HttpContext(request, None))
    return outcome


def _document(parameters: Any, headers: Headers) -> str:
    """Return the JSON text of a request body. Raises ``TypeError`` if it is neither text nor bytes."""
    if isinstance(parameters, bytes):
        is_gzipped = headers.get("Content-Encoding") == "gzip"
        return (gzip.decompress(parameters) if is_gzipped else parameters).decode()
    if parameters is None or isinstance(parameters, str):
        return parameters or ""
    message = f"the body is a {type(parameters).__name__}: expected JSON text, as from APIHelper.json_serialize"
    raise TypeError(message)
