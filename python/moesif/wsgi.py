"""The WSGI middleware."""

from __future__ import annotations

from typing import TYPE_CHECKING

from moesif import _native
from moesif.client import MoesifAPIClient
from moesif.client.configuration import follow
from moesif.delivery import stats
from moesif.lazy import lazy_property
from moesif.outgoing.capturing import start_for_middleware
from moesif.profiles import ProfileUpdates

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from typing import Any, TypeAlias

    from _typeshed.wsgi import WSGIEnvironment

    from moesif.client import ApiController
    from moesif.options import MoesifSettings

    # Frameworks declare what they call start_response with; none declares all that PEP 3333 allows.
    WSGIApplication: TypeAlias = Callable[[WSGIEnvironment, Any], Iterable[bytes]]

__all__ = ["MoesifMiddleware"]


class MoesifMiddleware(_native.WsgiMiddleware, ProfileUpdates):
    """Captures the calls a WSGI application serves: ``MoesifMiddleware(app, settings)`` is an application too.

    ``settings`` is a dictionary of options (docs/options.md has them all); each may come from the environment as
    ``MOESIF_<OPTION>`` instead. Only ``APPLICATION_ID`` is required. Making the middleware opens no connection and
    starts no thread: both happen with the first request a process serves.

    Raises ``ValueError`` when ``APPLICATION_ID`` is missing or a value is one the option cannot take, ``TypeError``
    when ``settings`` is no mapping. Serving a request raises only what the application raises.

    The attributes ``app``, ``settings``, ``DEBUG`` and ``LOG_BODY`` tell what it was made with; setting them changes
    nothing. ``update_user`` and the other helpers tell the collector about users, companies and subscriptions; they
    wait for its answer (moesif.profiles says how long).
    """

    def __init__(self, app: WSGIApplication, settings: MoesifSettings | Mapping[str, Any] | None = None) -> None:
        """Check the settings and wrap ``app``."""
        super().__init__()
        self.app = app
        self.settings = settings
        self.DEBUG, self.LOG_BODY, captures_outgoing = self._configure(app, settings)
        follow(settings)
        if captures_outgoing:
            start_for_middleware(settings, "wsgi")

    @property
    def dropped_events(self) -> int:
        """How many calls this process has lost so far; ``moesif.stats()`` says to what."""
        return sum(stats()["dropped"].values())

    @lazy_property
    def client(self) -> MoesifAPIClient:
        """The API of the collector of these settings, whose calls raise where the helpers log."""
        return MoesifAPIClient.from_native(self._api())

    @property
    def api_client(self) -> ApiController:
        """The calls of ``client``."""
        return self.client.api
