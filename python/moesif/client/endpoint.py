"""The collector of a client: where its requests go at the moment they are made."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from moesif import _native
from moesif.client.configuration import DEFAULT_VERSION, base_uri_for
from moesif.client.exchange import HttpMethodEnum, HttpRequest

#: The longest ``timeout`` in seconds: a day.
_LONGEST = 86_400

if TYPE_CHECKING:
    from moesif.client.calls import Asked
    from moesif.client.configuration import Configuration


class Collector:
    """Makes requests as a configuration says; with ``native`` given, those of a middleware, to its collector."""

    def __init__(self, configuration: Configuration, native: _native.ApiClient | None = None) -> None:
        """Look at nothing yet."""
        self.configuration = configuration
        self._fixed = native
        #: The way there, and what it was made of.
        self._made: tuple[tuple[dict[str, Any], str], _native.ApiClient] | None = None

    def check(self) -> None:
        """Raise ``ValueError`` for a configuration that cannot be used."""
        self.native()
        _seconds(self.configuration.timeout)

    def native(self) -> _native.ApiClient:
        """Return the way there. Raises ``ValueError`` where there is none under this configuration."""
        if self._fixed is not None:
            return self._fixed
        configuration = self.configuration
        settings = {"APPLICATION_ID": configuration.application_id, **base_uri_for(configuration)}
        wanted = (settings, configuration.version)
        if self._made is None or self._made[0] != wanted:
            version = None if configuration.version == DEFAULT_VERSION else configuration.version
            self._made = wanted, _native.ApiClient(settings, version)
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

    def call(self, asked: Asked) -> _native.ApiCall:
        """Return a request, to be begun by whoever waits for it."""
        native, seconds = self.native(), _seconds(self.configuration.timeout)
        if asked.document is None:
            return native.get(asked.path, seconds)
        return native.post(asked.path, asked.document, seconds)


def _seconds(timeout: object) -> float:
    """Return a timeout that can be used."""
    if isinstance(timeout, (int, float)) and 0 < timeout <= _LONGEST:
        return float(timeout)
    message = f"timeout is {timeout!r}: expected a number of seconds above 0, {_LONGEST} (a day) at most"
    raise ValueError(message)
