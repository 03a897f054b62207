"""The collector that a client sends to, resolved from its configuration at each call."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from moesif import _native
from moesif.client.configuration import DEFAULT_VERSION, base_uri_for
from moesif.client.http import HttpMethodEnum, HttpRequest

if TYPE_CHECKING:
    from moesif.client.configuration import Configuration
    from moesif.client.operations import ApiRequest

#: The longest ``timeout``, in seconds: a day.
_MAX_TIMEOUT = 86_400


class Endpoint:
    """Makes requests to the collector that a configuration names, with the native client.

    If ``native`` is given, requests go to that client's collector instead: it is the client of a middleware.
    """

    def __init__(self, configuration: Configuration, native: _native.ApiClient | None = None) -> None:
        """Read nothing from the configuration yet: it may change until the first call."""
        self.configuration = configuration
        self._fixed = native
        #: The native client, with the settings and the version it was made with.
        self._cached: tuple[tuple[dict[str, Any], str], _native.ApiClient] | None = None

    def check(self) -> None:
        """Raise ``ValueError`` if the configuration cannot be used."""
        self.native()
        _checked_timeout(self.configuration.timeout)

    def native(self) -> _native.ApiClient:
        """Return the native client for the present configuration. Raises ``ValueError`` if it cannot be used."""
        if self._fixed is not None:
            return self._fixed
        configuration = self.configuration
        settings = {"APPLICATION_ID": configuration.application_id, **base_uri_for(configuration)}
        wanted = (settings, configuration.version)
        if self._cached is None or self._cached[0] != wanted:
            version = None if configuration.version == DEFAULT_VERSION else configuration.version
            self._cached = wanted, _native.ApiClient(settings, version)
        return self._cached[1]

    def http_request(self, request: ApiRequest) -> HttpRequest:
        """Return a request as observers, exceptions and other HTTP clients see it."""
        native = self.native()
        headers = {"X-Moesif-Application-Id": native.application_id, "User-Agent": self.configuration.version}
        url = native.base_uri + request.path
        if request.document is None:
            return HttpRequest(HttpMethodEnum.GET, url, {"accept": "application/json", **headers})
        headers = {"content-type": "application/json; charset=utf-8", **headers}
        return HttpRequest(HttpMethodEnum.POST, url, headers, parameters=request.document)

    def native_call(self, request: ApiRequest) -> _native.ApiCall:
        """Return a request that the native client can execute. It is not sent yet."""
        native, timeout = self.native(), _checked_timeout(self.configuration.timeout)
        if request.document is None:
            return native.get(request.path, timeout)
        return native.post(request.path, request.document, timeout)

    def own_call(
        self, method: str, url: str, headers: list[tuple[str, bytes]], body: bytes | None, *, is_repeatable: bool
    ) -> _native.ApiCall:
        """Return a request that the native client can send as it is. ``url`` is one of the collector."""
        timeout = _checked_timeout(self.configuration.timeout)
        return self.native().own(method, url, headers, body, is_repeatable, timeout)


def _checked_timeout(timeout: object) -> float:
    if isinstance(timeout, (int, float)) and 0 < timeout <= _MAX_TIMEOUT:
        return float(timeout)
    message = f"timeout is {timeout!r}: expected a number of seconds above 0, at most {_MAX_TIMEOUT} (a day)"
    raise ValueError(message)
