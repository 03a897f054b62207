"""Where the clients of a program send to, and how long they try."""

from __future__ import annotations

import copy
import os
from typing import TYPE_CHECKING, Any, Final

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

    ``Configuration.BASE_URI = "http://127.0.0.1:9500"`` is for every client that has nothing else set, now
    and later; ``MoesifAPIClient("id").configuration.BASE_URI = ...`` is for that client alone. Both are
    looked at by each call. The other options of delivery that matter (CONNECT_TIMEOUT, REQUEST_TIMEOUT,
    proxies, certificate authorities) come from the environment (docs/options.md).
    """

    #: The collector. While nobody has set it, ``MOESIF_BASE_URI`` in the environment counts, then what the
    #: settings of a middleware with the same APPLICATION_ID say, then those of the middleware that was made
    #: last.
    BASE_URI: str = Unset("https://api.moesif.net")
    #: For controllers that are made without a client. A client has its own.
    application_id: str = "SET_ME"
    #: The header ``User-Agent``.
    version: str = DEFAULT_VERSION
    #: How many seconds a request may take in all: attempts, each of REQUEST_TIMEOUT at most, and the pauses
    #: between them.
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


#: What middlewares were told of their collectors, by application id, the last one last. Replaced as a whole.
_followed: dict[object, dict[str, Any]] = {}


def follow(settings: Mapping[str, Any] | None) -> None:
    """Let clients that are told nothing else send where a middleware with these settings sends, as with moesifapi."""
    global _followed  # noqa: PLW0603 - read by other threads meanwhile
    settings = settings or {}
    told = {name: settings[name] for name in ("BASE_URI", "LOCAL_MOESIF_BASEURL") if settings.get(name)}
    application_id = settings.get("APPLICATION_ID") or os.environ.get("MOESIF_APPLICATION_ID")
    others = {key: value for key, value in _followed.items() if key != application_id}
    _followed = {**others, application_id: told}


def base_uri_for(configuration: Configuration) -> dict[str, Any]:
    """Return the settings that say where a client sends; none where the environment or the default does."""
    if not isinstance(configuration.BASE_URI, Unset):
        return {"BASE_URI": configuration.BASE_URI}
    followed = _followed
    if os.environ.get("MOESIF_BASE_URI") or not followed:
        return {}
    return followed.get(configuration.application_id, next(reversed(followed.values())))


def copy_for_client(configuration: Configuration | None, application_id: str) -> Configuration:
    """Return a copy of a configuration, of the same class, for a client with this application id."""
    copied = copy.copy(configuration) if configuration is not None else Configuration()
    copied.application_id = application_id
    return copied
