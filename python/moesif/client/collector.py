"""The collector of a client: where its requests go at the moment they are made."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from moesif import _native
from moesif.client.configuration import DEFAULT_BASE_URI, DEFAULT_VERSION
from moesif.client.exchange import HttpMethodEnum, HttpRequest

if TYPE_CHECKING:
    from moesif.client.calls import Asked
    from moesif.client.configuration import Configuration


class Collector:
    """Begins requests as a configuration says; with ``native`` given, those of a middleware, to its collector."""

    def __init__(self, configuration: Configuration, native: _native.ApiClient | None = None) -> None:
        """Look at nothing yet."""
        self.configuration = configuration
        self._fixed = native
        #: The way there, and what it was made of.
        self._made: tuple[tuple[str, str, str], _native.ApiClient] | None = None

    def native(self) -> _native.ApiClient:
        """Return the way there. Raises ``ValueError`` where there is none under this configuration."""
        if self._fixed is not None:
            return self._fixed
        configuration = self.configuration
        wanted = (configuration.application_id, configuration.BASE_URI, configuration.version)
        if self._made is None or self._made[0] != wanted:
            application_id, base_uri, version = wanted
            settings: dict[str, Any] = {"APPLICATION_ID": application_id}
            if base_uri != DEFAULT_BASE_URI:
                settings["BASE_URI"] = base_uri
            self._made = wanted, _native.ApiClient(settings, None if version == DEFAULT_VERSION else version)
        return self._made[1]

    def request(self, asked: Asked) -> HttpRequest:
        """Return a request as it is shown to those who look on."""
        native = self.native()
        headers = {"X-Moesif-Application-Id": native.application_id, "User-Agent": self.configuration.version}
        url = native.base_uri + asked.path
        if asked.document is None:
            return HttpRequest(HttpMethodEnum.GET, url, {"accept": "application/json", **headers})
        headers = {"content-type": "application/json; charset=utf-8", **headers}
        return HttpRequest(HttpMethodEnum.POST, url, headers, parameters=asked.document)

    def begin(self, asked: Asked) -> _native.ApiCall:
        """Begin a request."""
        native, seconds = self.native(), self.configuration.timeout
        if asked.document is None:
            return native.get(asked.path, seconds)
        return native.post(asked.path, asked.document, seconds)
