"""The WSGI middleware."""

from __future__ import annotations

from types import FunctionType
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

    # ``Any``, because each framework declares its own type of start_response, narrower than PEP 3333.
    WSGIApplication: TypeAlias = Callable[[WSGIEnvironment, Any], Iterable[bytes]]

__all__ = ["MoesifMiddleware"]


_LISTED_IN_DJANGO = (
    "this MoesifMiddleware is a WSGI application, but it is listed in MIDDLEWARE of a Django project. List "
    "moesifdjango.middleware.moesif_middleware there, and its options in MOESIF_MIDDLEWARE"
)


def _is_get_response(app: object) -> bool:
    """Return whether this is the function that Django gives to a class listed in ``MIDDLEWARE``."""
    # Other objects may answer any attribute, or raise anything.
    return type(app) is FunctionType and app.__globals__.get("__name__") == "django.core.handlers.exception"


class MoesifMiddleware(_native.WsgiMiddleware, ProfileUpdates):
    """Captures the calls a WSGI application serves: ``MoesifMiddleware(app, settings)`` is an application too.

    ``settings`` is a dictionary of options; ``moesif.options.MoesifSettings`` has their names and types. Every option
    that is not a function can also be set in the environment, as ``MOESIF_<OPTION>``. Only ``APPLICATION_ID`` is
    required. Making the middleware opens no connection and starts no thread: both happen with the first request that a
    process serves.

    Raises ``ValueError`` if ``APPLICATION_ID`` is missing or an option cannot take its value, ``TypeError`` if
    ``settings`` is not a mapping or if Django makes the middleware. Serving a request raises only what the application
    raises.

    The attributes ``app``, ``settings``, ``DEBUG``, ``LOG_BODY`` and ``api_version`` show what the middleware was made
    with. Setting them changes nothing. ``update_user`` and the other helpers send profiles of users, companies and
    subscriptions to the collector and wait for its answer, at most ``REQUEST_TIMEOUT`` seconds.
    """

    def __init__(self, app: WSGIApplication, settings: MoesifSettings | Mapping[str, Any] | None = None) -> None:
        """Check the settings and wrap ``app``."""
        super().__init__()
        if _is_get_response(app):
            raise TypeError(_LISTED_IN_DJANGO)
        self.app = app
        self.settings = settings
        options = self._configure(app, settings)
        self.DEBUG, self.LOG_BODY, self.api_version = options.debug, options.log_body, options.api_version
        follow(settings)
        if options.captures_outgoing:
            start_for_middleware(settings, "wsgi")

    @property
    def dropped_events(self) -> int:
        """How many events this process has dropped so far. ``moesif.stats()["dropped"]`` has the reasons."""
        return sum(stats()["dropped"].values())

    @lazy_property
    def client(self) -> MoesifAPIClient:
        """API client for the collector of these settings. Its calls raise what ``update_user`` and others log."""
        return MoesifAPIClient.from_native(self._api())

    @property
    def api_client(self) -> ApiController:
        """The methods of ``client``, in one object."""
        return self.client.api
