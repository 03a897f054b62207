"""Where the clients of a program send to, and how long they try."""

from __future__ import annotations

from typing import Any, Final

from moesif.version import __version__

__all__ = ["Configuration"]

#: What ``BASE_URI`` is when nobody has set it: MOESIF_BASE_URI counts then.
DEFAULT_BASE_URI: Final = "https://api.moesif.net"


class Configuration:
    """Where requests go: attributes of the class are the program's, those of an instance one client's.

    ``Configuration.BASE_URI = "http://127.0.0.1:9500"`` is for every client that has nothing else set, now and later;
    ``MoesifAPIClient("id").configuration.BASE_URI = ...`` is for that client alone. Both are looked at by each call.
    The other options of delivery that matter (CONNECT_TIMEOUT, REQUEST_TIMEOUT, proxies, certificate authorities) come
    from the environment (docs/options.md).
    """

    #: The collector. While it is the default, ``MOESIF_BASE_URI`` in the environment counts.
    BASE_URI: str = DEFAULT_BASE_URI
    #: For controllers that are made without a client. A client has its own.
    application_id: str = "SET_ME"
    #: What requests say they come from. Only told: setting it changes nothing.
    version: str = f"moesif-rs/{__version__} (moesifapi)"
    #: How many seconds a request may take in all: attempts, each of REQUEST_TIMEOUT at most, and the pauses between
    #: them.
    timeout: float = 30.0
    #: moesifapi's; connections are kept as they are needed.
    pool_connections: int = 10
    #: The same.
    pool_maxsize: int = 10

    def __init__(self, **values: Any) -> None:
        """Set attributes of one client: ``Configuration(BASE_URI="http://127.0.0.1:9500", timeout=5)``.

        Raises ``TypeError`` for a name that is not one of them.
        """
        for name, value in values.items():
            if name not in Configuration.__annotations__:
                message = f"{name} is no attribute of Configuration: {', '.join(Configuration.__annotations__)} are"
                raise TypeError(message)
            setattr(self, name, value)
