"""``RequestsClient`` of moesifapi, the default HTTP client of controllers."""

from __future__ import annotations

import functools
import sys
from typing import TYPE_CHECKING, Any, cast

from moesif.client.as_written import send_as_written
from moesif.client.configuration import Configuration
from moesif.client.errors import APIConnectionError
from moesif.client.http import HttpClient, HttpContext, HttpMethodEnum, HttpRequest, HttpResponse
from moesif.lazy import lazy_property

if TYPE_CHECKING:
    from collections.abc import Callable

    from moesif.client.transport import Outcome

__all__ = ["RequestsClient", "refresh_session", "sends_natively"]

#: Sending them twice does the same as sending them once.
_IDEMPOTENT_METHODS = frozenset({HttpMethodEnum.GET, HttpMethodEnum.PUT, HttpMethodEnum.DELETE})


def refresh_session(func: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap a method of a ``RequestsClient``: after a ``ConnectionError`` of requests it is called once more."""

    @functools.wraps(func)
    def wrapper(self: RequestsClient, *args: Any, **kwargs: Any) -> Any:
        try:
            return func(self, *args, **kwargs)
        except OSError as error:
            requests = sys.modules.get("requests")
            if requests is None or not isinstance(error, requests.exceptions.ConnectionError):
                raise
            self.__refresh_connection_pool__()
            return func(self, *args, **kwargs)

    return wrapper


class RequestsClient(HttpClient):
    """Sends requests as they are written, with the native client: method, URL, headers, body and credentials.

    A request without a header for the application id is sent without one. Files are not supported.

    ``session`` and ``adapter`` are those of moesifapi. They need requests. Once a program has used ``session``, this
    client sends all its requests with it.
    """

    @lazy_property
    def adapter(self) -> Any:
        """The ``requests.adapters.HTTPAdapter`` of ``session``."""
        from requests.adapters import HTTPAdapter  # noqa: PLC0415 - requests need not be installed
        from urllib3.util.retry import Retry  # noqa: PLC0415

        retries = Retry(total=3, backoff_factor=1, status_forcelist=[429, 500, 502, 503, 504])
        return HTTPAdapter(
            max_retries=retries,
            pool_connections=Configuration.pool_connections,
            pool_maxsize=Configuration.pool_maxsize,
        )

    @lazy_property
    def session(self) -> Any:
        """A ``requests.Session``."""
        import requests  # noqa: PLC0415 - requests need not be installed

        session = requests.Session()
        session.mount("http://", self.adapter)
        session.mount("https://", self.adapter)
        return session

    def execute_as_string(self, request: HttpRequest) -> HttpResponse:
        """Send a request.

        A GET, PUT or DELETE that fails is sent again until ``Configuration.timeout``. A POST or PATCH is sent again
        only if the server certainly got nothing of it. Redirects are not followed.

        Raises ``APIConnectionError`` if no answer comes, ``NotImplementedError`` for files, ``ValueError`` or
        ``TypeError`` for another request that cannot be sent.
        """
        if _has_session(self):
            return self.convert_response(self._send_with_session(request), binary=False)
        outcome = _execute(request)
        return HttpResponse.of(outcome.status, outcome.fields, outcome.body)

    def execute_as_binary(self, request: HttpRequest) -> HttpResponse:
        """Send a request like ``execute_as_string``. ``raw_body`` of the response is bytes."""
        if _has_session(self):
            return self.convert_response(self._send_with_session(request), binary=True)
        outcome = _execute(request)
        response: Any = HttpResponse.of(outcome.status, outcome.fields, b"")
        response.raw_body = outcome.body
        return cast("HttpResponse", response)

    def convert_response(self, response: Any, binary: bool = False) -> HttpResponse:  # noqa: FBT001, FBT002 - moesifapi's
        """Convert a ``requests.Response``. If ``binary``, ``raw_body`` of the result is bytes."""
        return HttpResponse(response.status_code, response.headers, response.content if binary else response.text)

    @refresh_session
    def _send_with_session(self, request: HttpRequest) -> Any:
        has_credentials = request.username or request.password
        return self.session.request(
            HttpMethodEnum.to_string(request.http_method),
            request.query_url,
            headers=request.headers,
            params=request.query_parameters,
            data=request.parameters,
            files=request.files,
            auth=(request.username, request.password) if has_credentials else None,
        )

    def __refresh_connection_pool__(self) -> None:
        """Close the connections of ``session`` that are not in use."""
        self.adapter.poolmanager.clear()


_EXECUTE = RequestsClient.execute_as_string


def sends_natively(client: HttpClient) -> bool:
    """Return whether a client sends with the native client.

    It does not if a subclass, mock or patch has replaced its method, or a program has used its ``session``.
    """
    return getattr(client.execute_as_string, "__func__", None) is _EXECUTE and not _has_session(client)


def _has_session(client: HttpClient) -> bool:
    return "session" in vars(client)


def _execute(request: HttpRequest) -> Outcome:
    is_repeatable = request.http_method in _IDEMPOTENT_METHODS
    outcome = send_as_written(request, Configuration.timeout, is_repeatable=is_repeatable)
    if not outcome.status:
        raise APIConnectionError(outcome.problem or "no answer came", HttpContext(request, None))
    return outcome
