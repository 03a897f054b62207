"""HTTP requests and responses as objects, with the names and arguments of moesifapi."""

from __future__ import annotations

from functools import partialmethod
from typing import TYPE_CHECKING, Any

from moesif.models.headers import Headers

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["HttpCallBack", "HttpClient", "HttpContext", "HttpMethodEnum", "HttpRequest", "HttpResponse"]


class HttpMethodEnum:
    """Names of the HTTP methods, as text."""

    GET = "GET"
    POST = "POST"
    PUT = "PUT"
    PATCH = "PATCH"
    DELETE = "DELETE"

    @classmethod
    def to_string(cls, val: str) -> str | None:
        """Return the name of a method. Returns ``None`` if it is not a method."""
        return val if cls.from_string(val) == val else None

    @classmethod
    def from_string(cls, str: str) -> str | None:  # noqa: A002 - the name of moesifapi
        """Return the method with this name, ignoring case. Returns ``None`` if there is none."""
        name = str.upper()
        return name if name in {cls.GET, cls.POST, cls.PUT, cls.PATCH, cls.DELETE} else None


class HttpRequest:
    """A request. ``parameters`` is its body: the JSON text of a document."""

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
        """Set the attributes."""
        self.http_method = http_method
        self.query_url = query_url
        self.headers = headers
        self.query_parameters = query_parameters
        self.parameters = parameters
        self.files = files
        self.username = username
        self.password = password


class HttpResponse:
    """A response: its status, its headers, and its body as text in ``raw_body``."""

    def __init__(self, status_code: int, headers: Mapping[str, str], raw_body: str) -> None:
        """Set the attributes."""
        self.status_code = status_code
        self.headers = headers
        self.raw_body = raw_body

    @classmethod
    def of(cls, status: int, fields: list[tuple[str, str]], body: bytes) -> HttpResponse:
        """Return a response whose ``headers`` ignore case. Repeated header fields are joined with commas."""
        headers = Headers()
        for name, value in fields:
            headers[name] = f"{headers[name]}, {value}" if name in headers else value
        return cls(status, headers, body.decode("utf-8", "replace"))


class HttpContext:
    """A request and its response. ``response`` is ``None`` if no answer came."""

    def __init__(self, request: HttpRequest, response: HttpResponse | None) -> None:
        """Set the attributes."""
        self.request = request
        self.response = response


class HttpCallBack:
    """Base class for observers of the calls of a controller. Set an instance as its ``http_call_back``."""

    def on_before_request(self, request: HttpRequest) -> None:
        """Observe a request before it is sent. If its attributes are changed, it is sent as changed."""
        raise NotImplementedError

    def on_after_response(self, context: HttpContext) -> None:
        """Observe an answer before the call returns or raises."""
        raise NotImplementedError


class HttpClient:
    """Base class for other HTTP clients: ``ApiController(http_client)`` sends its requests with this one."""

    def execute_as_string(self, request: HttpRequest) -> HttpResponse:
        """Send a request and return its response."""
        raise NotImplementedError

    def execute_as_binary(self, request: HttpRequest) -> HttpResponse:
        """Send a request and return its response, with bytes in ``raw_body``."""
        raise NotImplementedError

    def convert_response(self, response: Any) -> HttpResponse:
        """Convert a response of another library."""
        raise NotImplementedError

    def get(
        self,
        query_url: str,
        headers: Mapping[str, str] | None = None,
        query_parameters: Any = None,
        username: str | None = None,
        password: str | None = None,
    ) -> HttpRequest:
        """Return a GET request without sending it."""
        return HttpRequest(
            HttpMethodEnum.GET, query_url, headers, query_parameters, username=username, password=password
        )

    def _with_body(  # noqa: PLR0913, PLR0917 - moesifapi's arguments, in its order
        self,
        http_method: str,
        query_url: str,
        headers: Mapping[str, str] | None = None,
        query_parameters: Any = None,
        parameters: Any = None,
        files: Any = None,
        username: str | None = None,
        password: str | None = None,
    ) -> HttpRequest:
        """Return a request without sending it."""
        return HttpRequest(http_method, query_url, headers, query_parameters, parameters, files, username, password)

    post = partialmethod(_with_body, HttpMethodEnum.POST)
    put = partialmethod(_with_body, HttpMethodEnum.PUT)
    patch = partialmethod(_with_body, HttpMethodEnum.PATCH)
    delete = partialmethod(_with_body, HttpMethodEnum.DELETE)
