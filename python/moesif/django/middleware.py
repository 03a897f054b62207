"""The middleware, which sees each request on its way to the view and each response on its way back.

The native module records them. ``moesif.django.sequence`` decides which functions of the settings are called. A fault
in this module costs the record, never the request.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

from django.conf import settings as django_settings
from django.core.exceptions import ImproperlyConfigured
from django.http import HttpResponse

from moesif import _native
from moesif.client import MoesifAPIClient
from moesif.client.configuration import follow
from moesif.django.functions import iscoroutinefunction
from moesif.django.invocations import run, run_async, run_without_awaiting
from moesif.django.sequence import Functions
from moesif.django.streams import record_stream
from moesif.lazy import lazy_property
from moesif.outgoing.capturing import start_for_middleware
from moesif.profiles import ProfileUpdates
from moesif.serving import leave

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from typing import TypeAlias

    from moesif.client import ApiController
    from moesif.django.invocations import Invocations

    Request: TypeAlias = Any
    Response: TypeAlias = Any

__all__ = ["MoesifMiddleware"]

_SETTINGS = "MOESIF_MIDDLEWARE"
#: The options of an API client. Warnings about all options were logged when the middleware was made.
_CLIENT_OPTIONS = ("APPLICATION_ID", "BASE_URI", "LOCAL_MOESIF_BASEURL", "CONNECT_TIMEOUT", "REQUEST_TIMEOUT")
_NOT_IN_DJANGO = (
    "this MoesifMiddleware works only in MIDDLEWARE of a Django project, with its options in MOESIF_MIDDLEWARE. WSGI "
    "applications such as Flask use moesifwsgi.MoesifMiddleware. FastAPI, Starlette and other ASGI frameworks need "
    "moesifasgi, which this version of moesif-rs does not have"
)
_logger = logging.getLogger("moesif.django")


class MoesifMiddleware(ProfileUpdates):
    """Captures the calls a Django project serves. List it in ``MIDDLEWARE``, and its options in ``MOESIF_MIDDLEWARE``.

    It works in synchronous and asynchronous stacks. Only the option ``APPLICATION_ID`` is required. Every option that
    is not a function can also be set in the environment, as ``MOESIF_<OPTION>``. Making the middleware opens no
    connection and starts no thread: both happen with the first request of a process.

    Raises ``ImproperlyConfigured`` for settings that cannot be used, naming the option, the value and what is expected.
    Serving a request raises only what the rest of the stack raises. ``get_response`` may be ``None`` for an object that
    serves no requests.

    The attributes ``middleware_settings`` (also ``settings``), ``DEBUG``, ``LOG_BODY`` and ``api_version`` show what
    the middleware was made with. Setting them changes nothing.
    """

    sync_capable = True
    async_capable = True

    def __init__(
        self, get_response: Callable[[Request], Any] | None = None, *others: object, **options: object
    ) -> None:
        """Read ``MOESIF_MIDDLEWARE`` and check it. Raises ``TypeError`` for more arguments than Django gives."""
        if others or options:
            raise TypeError(_NOT_IN_DJANGO)
        self.get_response = get_response
        self.settings = self.middleware_settings = middleware_settings()
        self._capture = capture_of(self.settings)
        follow(self.settings)
        self._post = self._capture.post
        self.DEBUG, self.LOG_BODY = self._capture.debug, self._capture.log_body
        self.api_version = self._capture.api_version
        if self._capture.captures_outgoing:
            start_for_middleware(self.settings, "django")
        self._functions = Functions(self.settings or {}, looks_up_user=self._capture.looks_up_user)
        self._has_failed = False
        self._is_async = get_response is not None and iscoroutinefunction(get_response)
        if self._is_async:
            _mark_coroutine_function(self)

    @lazy_property
    def client(self) -> MoesifAPIClient:
        """API client for the collector of these settings. Its calls raise what ``update_user`` and others log."""
        settings = self.settings or {}
        return MoesifAPIClient.from_native(
            _native.ApiClient({name: settings[name] for name in _CLIENT_OPTIONS if name in settings})
        )

    @property
    def api_client(self) -> ApiController:
        """The methods of ``client``, in one object."""
        return self.client.api

    def __call__(self, request: Request = None, *others: object, **options: object) -> Response:
        """Serve one request. In an asynchronous stack, return the coroutine that serves it.

        Raises ``TypeError`` if it is called as a WSGI or ASGI application.
        """
        if others or options:
            raise TypeError(_NOT_IN_DJANGO)
        if self._is_async:
            return self._serve(request)
        call = self._begin(request)
        if call is None:
            return self.get_response(request)  # type: ignore[misc]
        serving = call.enter()
        try:
            response = None
            if call.is_governed:
                self._guarded(self._functions.ask_early(call, request))
                response = answer_of_rules(call, request)
            if response is None:
                response = self.get_response(request)  # type: ignore[misc]
        except BaseException:
            call.fail()
            self._guarded(self._failed(call, request))
            raise
        else:
            self._guarded(self._respond(call, request, response))
        finally:
            leave(serving)
        return response

    async def _serve(self, request: Request) -> Response:
        call = self._begin(request)
        if call is None:
            return await self.get_response(request)  # type: ignore[misc]
        serving = call.enter()
        try:
            response = None
            if call.is_governed:
                await self._guarded_async(self._functions.ask_early(call, request))
                response = answer_of_rules(call, request)
            if response is None:
                response = await self.get_response(request)  # type: ignore[misc]
        except asyncio.CancelledError:
            # The client has disconnected: there is no response, not even a failed one.
            await self._guarded_async(self._failed(call, request))
            raise
        except GeneratorExit:
            # The client has disconnected, and nothing can be awaited any more.
            self._guarded(self._failed(call, request), run_without_awaiting)
            raise
        except BaseException:
            call.fail()
            await self._guarded_async(self._failed(call, request))
            raise
        else:
            await self._guarded_async(self._respond(call, request, response))
        finally:
            leave(serving)
        return response

    # The state of a request is kept on that request: all threads share the middleware.

    def process_request(self, request: Request) -> Response | None:
        """Start the record of a request, in ``MIDDLEWARE_CLASSES``. Return the answer of a rule, if one blocks it."""
        call = self._begin(request)
        setattr(request, self._attribute, call)
        if call is None:
            return None
        # The token is not needed: the end of the record also ends the span.
        call.enter()
        if not call.is_governed:
            return None
        self._guarded(self._functions.ask_early(call, request))
        return answer_of_rules(call, request)

    def process_response(self, request: Request, response: Response) -> Response:
        """Record the response and end the record, in ``MIDDLEWARE_CLASSES``."""
        # If a middleware before this one has answered, process_request was not called.
        call = request.__dict__.pop(self._attribute, None) or self._begin(request)
        if call is not None:
            self._guarded(self._respond(call, request, response))
        return response

    @property
    def _attribute(self) -> str:
        return f"_moesif_call_{id(self)}"

    def _begin(self, request: Request) -> _native.DjangoCall | None:
        try:
            return self._capture.begin(request)
        except Exception as error:
            self._report(error)
            return None

    def _respond(self, call: _native.DjangoCall, request: Request, response: Response) -> Invocations:
        """Record a response. Functions are called now, while the request and the response still have everything."""
        call.respond(request, response)
        if not (yield from self._functions.ask(call, request, response)):
            call.skip()
        elif getattr(response, "streaming", False) and getattr(response, "file_to_stream", None) is None:
            record_stream(response, call, partial(self._ended, call), partial(self._ended_async, call))
        else:
            yield from self._functions.end(call)

    def _failed(self, call: _native.DjangoCall, request: Request) -> Invocations:
        """End the record of a call without a response. Functions are called, unless a time limit has ended one."""
        if (yield from self._functions.ask(call, request, None)):
            yield from self._functions.end(call)
        else:
            call.skip()

    def _ended(self, call: _native.DjangoCall) -> None:
        """End the record of a stream that has ended or was closed early."""
        self._guarded(self._functions.end(call))

    async def _ended_async(self, call: _native.DjangoCall) -> None:
        await self._guarded_async(self._functions.end(call))

    def _guarded(self, invocations: Invocations, run: Callable[[Invocations], None] = run) -> None:
        try:
            run(invocations)
        except Exception as error:
            self._report(error)

    async def _guarded_async(self, invocations: Invocations) -> None:
        try:
            await run_async(invocations)
        except Exception as error:
            self._report(error)

    def _report(self, error: Exception) -> None:
        """Log the first fault of our own code. Raises an exception that was raised into it."""
        if _native.is_interruption(error):
            raise error
        if not self._has_failed:
            self._has_failed = True
            _logger.error(
                "a call is recorded in part because of a fault in this package: please report it. "
                "Further faults are not logged",
                exc_info=error,
            )


def answer_of_rules(call: _native.DjangoCall, request: Request) -> Response | None:
    """Return the answer of a governance rule, if one blocks the call."""
    answer = call.decide(request)
    if answer is None:
        return None
    # Bytes, because text would be encoded in the project's charset.
    response = HttpResponse(answer.body.encode(), status=answer.status)
    # The response has the headers of the rule and no others.
    del response["Content-Type"]
    return response


def middleware_settings() -> Mapping[str, Any] | None:
    """Return ``MOESIF_MIDDLEWARE``, or ``None`` if the project does not have it."""
    return getattr(django_settings, _SETTINGS, None)


def capture_of(settings: Mapping[str, Any] | None) -> _native.DjangoCapture:
    """Check settings, and log the warnings about them. Raises ``ImproperlyConfigured`` if they cannot be used."""
    with _named_errors():
        return _native.DjangoCapture(settings, django_settings)


def warnings_about(settings: Mapping[str, Any] | None) -> list[str]:
    """Return the warnings about settings. Raises ``ImproperlyConfigured`` if they cannot be used."""
    with _named_errors():
        return [f"{_SETTINGS}: {warning}" for warning in _native.django_warnings(settings)]


@contextmanager
def _named_errors() -> Iterator[None]:
    """Raise ``ImproperlyConfigured`` for an error in the settings, with the name of the Django setting."""
    try:
        yield
    except (TypeError, ValueError) as error:
        message = f"{_SETTINGS}: {error}"
        raise ImproperlyConfigured(message) from error


def _mark_coroutine_function(middleware: MoesifMiddleware) -> None:
    """Tell Django that calling the middleware returns a coroutine."""
    try:
        from asgiref.sync import markcoroutinefunction
    except ImportError:
        # Django 3.1 to 4.1: as Django's own middlewares did it.
        middleware._is_coroutine = asyncio.coroutines._is_coroutine  # type: ignore[attr-defined]  # noqa: SLF001
    else:
        markcoroutinefunction(middleware)
