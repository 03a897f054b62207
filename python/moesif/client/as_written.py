"""Sends requests as a program wrote them, to any server, with the native client."""

from __future__ import annotations

import binascii
import functools
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote, urlencode, urlsplit

from moesif import _native
from moesif.client.configuration import Configuration
from moesif.client.endpoint import Endpoint
from moesif.client.http import HttpMethodEnum
from moesif.client.transport import execute
from moesif.models import Headers

if TYPE_CHECKING:
    from urllib.parse import SplitResult

    from moesif.client.http import HttpRequest
    from moesif.client.transport import Outcome

#: Characters of a URL that stay as they are.
_SAFE = "!#$%&'()*+,/:;=?@[]~"
#: How many servers the native clients are kept for. They hold what is read from the environment, no connections.
_MOST_CLIENTS = 64


def send_as_written(request: HttpRequest, timeout: float, *, is_repeatable: bool) -> Outcome:
    """Send a request with the method, URL, headers, body and credentials that it has, and no others.

    A request that fails is sent again until ``timeout``, as requests of the API are. Unless ``is_repeatable``, this
    happens only if the server certainly got nothing of it. Redirects are not followed.

    Raises ``ValueError`` or ``TypeError`` for what cannot be sent, ``NotImplementedError`` for files.
    """
    method = HttpMethodEnum.to_string(request.http_method)
    if method is None:
        message = f"the method is {request.http_method!r}: expected GET, POST, PUT, PATCH or DELETE"
        raise ValueError(message)
    if request.files:
        message = "files cannot be sent with this client: send the request with its `session`, or with requests itself"
        raise NotImplementedError(message)
    parts = _split(request.query_url)
    origin = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
    queries = (parts.query, _encoded(request.query_parameters or {}))
    query = "&".join(text for text in queries if text)
    target = quote(f"{parts.path or '/'}?{query}" if query else parts.path or "/", safe=_SAFE)
    body, content_type = _body(request.parameters)
    if body is None and method != HttpMethodEnum.GET:
        # The request then has a `Content-Length` of 0.
        body = b""
    headers = _headers(request, parts, content_type)
    endpoint = Endpoint(Configuration(timeout=timeout), _client(origin))
    return execute(endpoint.own_call(method, origin + target, headers, body, is_repeatable=is_repeatable))


@functools.lru_cache(_MOST_CLIENTS)
def _client(origin: str) -> _native.ApiClient:
    return _native.client_as_written(origin)


def _split(url: str) -> SplitResult:
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        message = f"the URL is {url!r}: expected http:// or https:// and a host"
        raise ValueError(message)
    return parts


def _headers(request: HttpRequest, parts: SplitResult, content_type: str | None) -> list[tuple[str, bytes]]:
    """Return the header fields to send. Those that are ``None`` are left out."""
    headers = Headers({name: value for name, value in (request.headers or {}).items() if value is not None})
    # The client computes it from the body.
    headers.pop("Content-Length", None)
    if content_type is not None:
        headers.setdefault("Content-Type", content_type)
    if request.username or request.password:
        headers["Authorization"] = _basic(request.username or "", request.password or "")
    elif parts.username or parts.password:
        headers["Authorization"] = _basic(unquote(parts.username or ""), unquote(parts.password or ""))
    return [(name, _header_bytes(name, value)) for name, value in headers.items()]


def _header_bytes(name: str, value: Any) -> bytes:
    if isinstance(value, str):
        return value.encode("latin-1")
    if isinstance(value, bytes):
        return value
    message = f"the header {name} is a {type(value).__name__}: expected text or bytes"
    raise TypeError(message)


def _basic(username: str, password: str) -> str:
    credentials = f"{username}:{password}".encode("latin-1")
    return "Basic " + binascii.b2a_base64(credentials, newline=False).decode()


def _body(parameters: Any) -> tuple[bytes | None, str | None]:
    """Return a body and its content type. There is no type for text and bytes. Raises ``TypeError`` for others."""
    if parameters is None or isinstance(parameters, bytes):
        return parameters, None
    if isinstance(parameters, str):
        return parameters.encode(), None
    if isinstance(parameters, (Mapping, list, tuple)):
        return _encoded(parameters).encode(), "application/x-www-form-urlencoded"
    message = f"the body is a {type(parameters).__name__}: expected text, bytes, or a dictionary of form fields"
    raise TypeError(message)


def _encoded(parameters: Any) -> str:
    """Return query parameters or form fields as text. Those that are ``None`` are left out."""
    if isinstance(parameters, bytes):
        return parameters.decode()
    if isinstance(parameters, str):
        return parameters
    pairs = parameters.items() if isinstance(parameters, Mapping) else parameters
    return urlencode([(name, value) for name, value in pairs if value is not None], doseq=True)
