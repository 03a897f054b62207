"""Configuration of the API clients: the address of the collector, and the timeout."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any, Final

from moesif import _native
from moesif.version import __version__

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Configuration"]

#: The default of ``version``.
DEFAULT_VERSION: Final = f"moesif-rs/{__version__} (moesifapi)"


class Unset(str):
    """The type of ``Configuration.BASE_URI`` as long as no program has set it. Its text is only for programs to read.

    The type distinguishes the default from the same text set by a program, which overrides the environment.
    """

    __slots__ = ()


#: Attributes that decide where data goes, and under which application id.
_DESTINATION: Final = ("BASE_URI", "application_id")
#: How similar two names are, from 0 to 1, if one is a misspelling of the other.
_MISSPELT: Final = 0.85


def _refuse_misspelling(name: str) -> None:
    """Raise ``AttributeError`` for a name that is nearly that of an attribute in ``_DESTINATION``.

    A private name is none of them, and neither is a longer one that is derived from them, such as ``application_ids``.
    """
    if name.startswith("_") or hasattr(Configuration, name):
        return
    import difflib  # noqa: PLC0415 - needed only by programs that set attributes of their own

    given = _letters(name)
    for attribute in _DESTINATION:
        meant = _letters(attribute)
        is_derived = given != meant and (given.startswith(meant) or given.endswith(meant))
        if not is_derived and difflib.SequenceMatcher(None, given, meant).ratio() >= _MISSPELT:
            message = f"Configuration has no attribute {name!r}: did you mean {attribute}?"
            raise AttributeError(message)


def _letters(name: str) -> str:
    return name.replace("_", "").lower()


class _ConfigurationClass(type):
    """The class of ``Configuration`` and of its subclasses: refuses misspelt attributes of the class."""

    def __init__(cls, name: str, bases: tuple[type, ...], namespace: dict[str, Any], **options: Any) -> None:
        super().__init__(name, bases, namespace, **options)
        for attribute in namespace if bases else ():
            _refuse_misspelling(attribute)

    def __setattr__(cls, name: str, value: object) -> None:
        _refuse_misspelling(name)
        super().__setattr__(name, value)


class Configuration(metaclass=_ConfigurationClass):
    """Configuration of API clients. Attributes of the class apply to all clients, those of an instance to one.

    ``Configuration.BASE_URI = "http://127.0.0.1:9500"`` applies to every client that has no address of its own.
    ``MoesifAPIClient("id").configuration.BASE_URI = ...`` applies to that client only. Each call reads the
    present values. ``CONNECT_TIMEOUT``, ``REQUEST_TIMEOUT``, proxies and certificate authorities come from the
    environment.

    Setting a name that is nearly ``BASE_URI`` or ``application_id`` raises ``AttributeError``: the data would go
    elsewhere.
    """

    #: The address of the collector. If no program has set it, the first of these applies: ``MOESIF_BASE_URI`` in
    #: the environment, the settings of the middleware with the same application id, the settings of the newest
    #: middleware, the default.
    BASE_URI: str = Unset(_native.DEFAULT_BASE_URI)
    #: The application id of controllers that are created without a client: that of the newest middleware or
    #: ``MoesifAPIClient``.
    application_id: str = "SET_ME"
    #: The value of the ``User-Agent`` header.
    version: str = DEFAULT_VERSION
    #: The longest time for a request in seconds, including retries and the pauses between them. A single attempt
    #: takes at most ``REQUEST_TIMEOUT``.
    timeout: float = 30.0
    #: Ignored: it exists for programs written for moesifapi. Connections are kept as needed.
    pool_connections: int = 10
    #: Ignored, like ``pool_connections``.
    pool_maxsize: int = 10

    def __init__(  # noqa: PLR0913 - one argument for each attribute
        self,
        *,
        BASE_URI: str | None = None,  # noqa: N803 - the name of the attribute
        application_id: str | None = None,
        version: str | None = None,
        timeout: float | None = None,
        pool_connections: int | None = None,
        pool_maxsize: int | None = None,
    ) -> None:
        """Set attributes of this instance. Those that are ``None`` keep the value of the class."""
        given = {
            "BASE_URI": BASE_URI,
            "application_id": application_id,
            "version": version,
            "timeout": timeout,
            "pool_connections": pool_connections,
            "pool_maxsize": pool_maxsize,
        }
        vars(self).update({name: value for name, value in given.items() if value is not None})

    def __setattr__(self, name: str, value: object) -> None:
        """Set an attribute. Raises ``AttributeError`` if its name is nearly one that decides where data goes."""
        _refuse_misspelling(name)
        super().__setattr__(name, value)


#: The collector in the settings of each middleware (``None`` if they have no address), by application id. The newest
#: middleware is the last entry. The dictionary is never changed, only replaced, because other threads read it.
_middleware_addresses: dict[object, str | None] = {}


def follow(settings: Mapping[str, Any] | None) -> None:
    """Remember the collector of a middleware. Clients without an address use it, as with moesifapi."""
    global _middleware_addresses  # noqa: PLW0603 - replaced as a whole
    defaults = _native.client_defaults(settings)
    others = {key: value for key, value in _middleware_addresses.items() if key != defaults.application_id}
    _middleware_addresses = {**others, defaults.application_id: defaults.base_uri}
    publish(defaults.application_id, defaults.base_uri or defaults.environment_base_uri or _native.DEFAULT_BASE_URI)


def publish(application_id: object, base_uri: str) -> None:
    """Show the newest client or middleware in ``Configuration``, as moesifapi does.

    Controllers of other packages read the id and the address there. An address that a program has set stays.
    """
    if application_id is not None:
        Configuration.application_id = str(application_id)
    if isinstance(Configuration.BASE_URI, Unset):
        Configuration.BASE_URI = Unset(base_uri)


def base_uri_for(configuration: Configuration) -> dict[str, Any]:
    """Return the address settings of a client. They are empty if the environment or the default applies."""
    if not isinstance(configuration.BASE_URI, Unset):
        return {"BASE_URI": configuration.BASE_URI}
    addresses = _middleware_addresses
    if not addresses or _native.client_defaults(None).environment_base_uri is not None:
        return {}
    base_uri = addresses.get(str(configuration.application_id), next(reversed(addresses.values())))
    return {} if base_uri is None else {"BASE_URI": base_uri}


def copy_for_client(configuration: Configuration | None, application_id: str) -> Configuration:
    """Return a copy of a configuration, of the same class, for a client with this application id."""
    copied = copy.copy(configuration) if configuration is not None else Configuration()
    copied.application_id = application_id
    return copied
