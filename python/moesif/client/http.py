"""A request to the API and its answer, as values, and what goes wrong, under the names moesifapi has for them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from moesif.models.event import Headers

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "APIConnectionError",
    "APIException",
    "HttpCallBack",
    "HttpClient",
    "HttpContext",
    "HttpMethodEnum",
    "HttpRequest",
    "HttpResponse",
]


class HttpMethodEnum:
    """The methods of HTTP, as texts."""

    GET = "GET"
    POST = "POST"
    PUT = "PUT"
    PATCH = "PATCH"
    DELETE = "DELETE"

    @classmethod
    def to_string(cls, val: str) -> str | None:
        """Return the name of a method; ``None`` for what is none."""
        return val if cls.from_string(val) == val else None

    @classmethod
    def from_string(cls, str: str) -> str | None:  # noqa: A002 - the name of moesifapi
        """Return the method of a name, in any case; ``None`` if there is none."""
        name = str.upper()
        return name if name in {cls.GET, cls.POST, cls.PUT, cls.PATCH, cls.DELETE} else None


class HttpRequest:
    """A request: ``parameters`` is its body, the JSON text of a document."""

    def __init__(  # noqa: PLR0913, PLR0917 - moesifapi's arguments, in its order
        self,
        http_method: str,
        query_url: str,
        headers: Mapping[str, str] | None = None,
        query_parameters: Any = None,
        parameters: Any = None,
        files: Any = None,
        username: str | None = None,
        password: str | None = None,
    ) -> None:
        """Take every attribute as it is."""
        self.http_method = http_method
        self.query_url = query_url
        self.headers = headers
        self.query_parameters = query_parameters
        self.parameters = parameters
        self.files = files
        self.username = username
        self.password = password


class HttpResponse:
    """An answer: its status, its headers, found in any case, and its body as text."""

    def __init__(self, status_code: int, headers: Mapping[str, str], raw_body: str) -> None:
        """Take every attribute as it is."""
        self.status_code = status_code
        self.headers = headers
        self.raw_body = raw_body

    @classmethod
    def of(cls, status: int, fields: list[tuple[str, str]], body: bytes) -> HttpResponse:
        """Return the answer with these header fields; repeated ones are joined with commas."""
        headers = Headers()
        for name, value in fields:
            headers[name] = f"{headers[name]}, {value}" if name in headers else value
        return cls(status, headers, body.decode("utf-8", "replace"))


class HttpContext:
    """A request and its answer; ``response`` is ``None`` where none came."""

    def __init__(self, request: HttpRequest, response: HttpResponse | None) -> None:
        """Take every attribute as it is."""
        self.request = request
        self.response = response


class APIException(Exception):  # noqa: N818 - the name of moesifapi
    """The API has refused, or has failed for as long as the call was tried.

    ``response_code`` is the status of the last answer, ``context`` that answer and the request.
    """

    def __init__(self, reason: str, context: HttpContext) -> None:
        """Say why, and of which request."""
        super().__init__(reason)
        self.context = context
        self.response_code = context.response.status_code if context.response else 0

    def __reduce__(self) -> tuple[Any, ...]:
        """Be made again from the reason and the context, in another process of a pool, say."""
        return type(self), (str(self), self.context)


class APIConnectionError(APIException, ConnectionError):
    """No answer came, for as long as the call was tried. ``response_code`` is 0 and ``context.response`` is ``None``.

    What was sent may have been kept, or not. Sending it again does no harm to profiles, nor to an event or an action
    that has a ``transaction_id`` of its own, as models of events have: any other is a second one.
    """


class HttpCallBack:
    """What is told of each call: a base class for ``http_call_back`` of a controller.

    It looks on: what it changes about a request is not sent.
    """

    def on_before_request(self, request: HttpRequest) -> None:
        """Be told of a request before it is sent."""
        raise NotImplementedError

    def on_after_response(self, context: HttpContext) -> None:
        """Be told of an answer, before it is judged."""
        raise NotImplementedError


class HttpClient:
    """A base class for other ways to make requests: ``ApiController(http_client)`` uses one in place of its own."""

    def execute_as_string(self, request: HttpRequest) -> HttpResponse:
        """Make a request and return its answer."""
        raise NotImplementedError

    def execute_as_binary(self, request: HttpRequest) -> HttpResponse:
        """Make a request and return its answer, with bytes in ``raw_body``."""
        raise NotImplementedError

    def convert_response(self, response: Any) -> HttpResponse:
        """Return an answer of another library as one of ours."""
        raise NotImplementedError

    def get(
        self,
        query_url: str,
        headers: Mapping[str, str] | None = None,
        query_parameters: Any = None,
        username: str | None = None,
        password: str | None = None,
    ) -> HttpRequest:
        """Return a GET, which has not been made yet."""
        return HttpRequest(
            HttpMethodEnum.GET, query_url, headers, query_parameters, username=username, password=password
        )

    def post(  # noqa: PLR0913, PLR0917 - moesifapi's arguments, in its order
        self,
        query_url: str,
        headers: Mapping[str, str] | None = None,
        query_parameters: Any = None,
        parameters: Any = None,
        files: Any = None,
        username: str | None = None,
        password: str | None = None,
    ) -> HttpRequest:
        """Return a POST, which has not been made yet."""
        return HttpRequest(
            HttpMethodEnum.POST, query_url, headers, query_parameters, parameters, files, username, password
        )

    def put(  # noqa: PLR0913, PLR0917 - moesifapi's arguments, in its order
        self,
        query_url: str,
        headers: Mapping[str, str] | None = None,
        query_parameters: Any = None,
        parameters: Any = None,
        files: Any = None,
        username: str | None = None,
        password: str | None = None,
    ) -> HttpRequest:
        """Return a PUT, which has not been made yet."""
        return HttpRequest(
            HttpMethodEnum.PUT, query_url, headers, query_parameters, parameters, files, username, password
        )

    def patch(  # noqa: PLR0913, PLR0917 - moesifapi's arguments, in its order
        self,
        query_url: str,
        headers: Mapping[str, str] | None = None,
        query_parameters: Any = None,
        parameters: Any = None,
        files: Any = None,
        username: str | None = None,
        password: str | None = None,
    ) -> HttpRequest:
        """Return a PATCH, which has not been made yet."""
        return HttpRequest(
            HttpMethodEnum.PATCH, query_url, headers, query_parameters, parameters, files, username, password
        )

    def delete(  # noqa: PLR0913, PLR0917 - moesifapi's arguments, in its order
        self,
        query_url: str,
        headers: Mapping[str, str] | None = None,
        query_parameters: Any = None,
        parameters: Any = None,
        files: Any = None,
        username: str | None = None,
        password: str | None = None,
    ) -> HttpRequest:
        """Return a DELETE, which has not been made yet."""
        return HttpRequest(
            HttpMethodEnum.DELETE, query_url, headers, query_parameters, parameters, files, username, password
        )
