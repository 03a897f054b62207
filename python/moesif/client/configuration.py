"""Where the clients of a program send to, and how long they try."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any, Final

from moesif import _native
from moesif.version import __version__

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Configuration"]

#: What ``version`` is when nobody has set it.
DEFAULT_VERSION: Final = f"moesif-rs/{__version__} (moesifapi)"


class Unset(str):
    """What ``BASE_URI`` is when nobody has set it: MOESIF_BASE_URI counts then, or that of a middleware.

    Of a type of its own, because a program may set the very same text, and means it.
    """

    __slots__ = ()


class Configuration:
    """Where requests go: attributes of the class are the program's, those of an instance one client's.

    ``Configuration.BASE_URI = "http://127.0.0.1:9500"`` is for every client that has nothing else set, now and later;
    ``MoesifAPIClient("id").configuration.BASE_URI = ...`` is for that client alone. Both are looked at by each call.
    The other options of delivery that matter (CONNECT_TIMEOUT, REQUEST_TIMEOUT, proxies, certificate authorities) come
    from the environment (docs/options.md).
    """

    #: The collector. While nobody has set it, ``MOESIF_BASE_URI`` in the environment counts, then what the settings of
    #: a middleware with the same APPLICATION_ID say, then those of the middleware that was made last.
    BASE_URI: str = Unset(_native.HOSTED_BASE_URI)
    #: For controllers that are made without a client. A client has its own.
    application_id: str = "SET_ME"
    #: The header ``User-Agent``.
    version: str = DEFAULT_VERSION
    #: How many seconds a request may take in all: attempts, each of REQUEST_TIMEOUT at most, and the pauses between
    #: them.
    timeout: float = 30.0
    #: moesifapi's; connections are kept as they are needed.
    pool_connections: int = 10
    #: The same.
    pool_maxsize: int = 10

    def __init__(  # noqa: PLR0913 - one for each attribute
        self,
        *,
        BASE_URI: str | None = None,  # noqa: N803 - the attribute's name
        application_id: str | None = None,
        version: str | None = None,
        timeout: float | None = None,
        pool_connections: int | None = None,
        pool_maxsize: int | None = None,
    ) -> None:
        """Set attributes of one client; those that are left out, or ``None``, stay the program's."""
        given = {
            "BASE_URI": BASE_URI,
            "application_id": application_id,
            "version": version,
            "timeout": timeout,
            "pool_connections": pool_connections,
            "pool_maxsize": pool_maxsize,
        }
        vars(self).update({name: value for name, value in given.items() if value is not None})


#: The collector that the settings of each middleware name (``None`` if they name none), by application id. The newest
#: middleware comes last. The dictionary is replaced as a whole, never changed.
_followed: dict[object, str | None] = {}


def follow(settings: Mapping[str, Any] | None) -> None:
    """Send requests of clients without an own address to the collector of a middleware, as moesifapi does."""
    global _followed  # noqa: PLW0603 - other threads read it at the same time
    defaults = _native.client_defaults(settings)
    others = {key: value for key, value in _followed.items() if key != defaults.application_id}
    _followed = {**others, defaults.application_id: defaults.base_uri}


def base_uri_for(configuration: Configuration) -> dict[str, Any]:
    """Return the settings that name the collector of a client. Empty if the environment or the default decides."""
    if not isinstance(configuration.BASE_URI, Unset):
        return {"BASE_URI": configuration.BASE_URI}
    followed = _followed
    if not followed or _native.client_defaults(None).environment_base_uri is not None:
        return {}
    base_uri = followed.get(configuration.application_id, next(reversed(followed.values())))
    return {} if base_uri is None else {"BASE_URI": base_uri}


def own(configuration: Configuration | None, application_id: str) -> Configuration:
    """Return a copy of a configuration, of the same class, for a client with this id."""
    its_own = copy.copy(configuration) if configuration is not None else Configuration()
    its_own.application_id = application_id
    return its_own
