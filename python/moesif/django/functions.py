"""How one function of the settings is called, in a synchronous and in an asynchronous stack."""

from __future__ import annotations

import asyncio
from types import AsyncGeneratorType, GeneratorType
from typing import TYPE_CHECKING, Any

try:
    from asgiref.sync import async_to_sync, iscoroutinefunction, sync_to_async
except ImportError:
    # Django before 3.0 has no asynchronous stack. asgiref 3.4 and 3.5 have no iscoroutinefunction.
    from asyncio import iscoroutinefunction  # type: ignore[assignment]

    try:
        from asgiref.sync import async_to_sync, sync_to_async
    except ImportError:
        sync_to_async = None  # type: ignore[assignment]

        def async_to_sync(function: Callable[..., Any]) -> Callable[..., Any]:  # type: ignore[no-redef]
            """Return a function that runs a coroutine function to its end."""
            return lambda *arguments: asyncio.run(function(*arguments))


try:
    from django.core.exceptions import SynchronousOnlyOperation
except ImportError:

    class SynchronousOnlyOperation(Exception):  # type: ignore[no-redef]  # noqa: N818
        """Stands in for an exception that Django before 3.0 does not have."""


from moesif import _native
from moesif.django.users import look_up, look_up_async

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Function", "Mask", "SynchronousOnlyOperation", "UserLookup", "in_thread", "iscoroutinefunction"]

_GENERATORS = (GeneratorType, AsyncGeneratorType)


class Function:
    """One function of the settings, or one of ours that is called in its place."""

    def __init__(self, failures: _native.FailureLog, function: Callable[..., Any]) -> None:
        self.failures = failures
        self.function = function
        self.is_async = iscoroutinefunction(function) or iscoroutinefunction(getattr(function, "__call__", None))  # noqa: B004
        #: Whether it needs a thread of its own in an asynchronous stack. Known after the first call.
        self.blocks = False
        #: Whether reading its result needs a thread: ``request.user`` is looked up when it is read. Known after the
        #: first result.
        self.result_blocks = False
        #: Whether it can be called only where something can be awaited.
        self.must_await = self.is_async

    def call(self, *arguments: object) -> object:
        """Call it from synchronous code."""
        if self.is_async:
            return async_to_sync(self._await)(*arguments)
        result = self.invoke(*arguments)
        return async_to_sync(_awaited)(result) if hasattr(type(result), "__await__") else _checked(result)

    async def call_async(self, *arguments: object) -> object:
        """Call it from asynchronous code."""
        result = await self._called(*arguments)
        return await _awaited(result) if hasattr(type(result), "__await__") else _checked(result)

    def invoke(self, *arguments: object) -> Any:
        """Call the function itself."""
        return self.function(*arguments)

    async def _await(self, *arguments: object) -> object:
        return await self.invoke(*arguments)

    async def _called(self, *arguments: object) -> object:
        if self.is_async or not self.blocks:
            try:
                return self.invoke(*arguments)
            except SynchronousOnlyOperation:
                # It uses the database: call it in a thread from now on.
                self.blocks = True
        return await in_thread(self.invoke, *arguments)


class Mask(Function):
    """``MASK_EVENT_MODEL``. It is called with a call, and each time gets a new model of the call's event.

    The model has the names of request headers in capitals, as in moesifdjango, so masks that compare names find them.
    The event that comes back has the original names again.
    """

    def call(self, *arguments: object) -> object:
        """Call it from synchronous code. Return the event."""
        names: dict[str, str] = {}
        return _with_names(super().call(*arguments, names), names)

    async def call_async(self, *arguments: object) -> object:
        """Call it from asynchronous code. Return the event."""
        names: dict[str, str] = {}
        return _with_names(await super().call_async(*arguments, names), names)

    def invoke(self, *arguments: Any) -> Any:
        """Call the function with a model of a call's event. ``names`` receives the original names of headers."""
        call, names = arguments
        model = call.event_model()
        if model is None:
            return None
        headers = model.request.headers
        if isinstance(headers, dict):
            names.update({name.upper(): name for name in headers})
            model.request.headers = type(headers)({name.upper(): value for name, value in headers.items()})
        return self.function(model)


def _with_names(event: Any, names: dict[str, str]) -> Any:
    """Give the request headers of an event their original names."""
    request = event.get("request") if isinstance(event, dict) else getattr(event, "request", None)
    headers = request.get("headers") if isinstance(request, dict) else getattr(request, "headers", None)
    if isinstance(headers, dict):
        renamed = {names.get(name, name): value for name, value in headers.items()}
        if isinstance(request, dict):
            request["headers"] = renamed
        else:
            request.headers = renamed  # type: ignore[union-attr]
    return event


class UserLookup(Function):
    """Looks up the user of a request if the view did not."""

    def __init__(self) -> None:
        super().__init__(_native.FailureLog("looking up request.user", "the user's name"), look_up)
        self.must_await = True

    async def call_async(self, *arguments: Any) -> object:
        """Look the user up from asynchronous code."""
        return await look_up_async(*arguments)


async def in_thread(function: Callable[..., Any], *arguments: object) -> Any:
    """Call a function where it may use the database."""
    return await sync_to_async(function, thread_sensitive=True)(*arguments)


def _checked(result: object) -> object:
    """Return a result. Raises ``TypeError`` for a generator."""
    # isinstance would look a lazy object up.
    if type(result) in _GENERATORS:
        message = f"expected a result, found a {type(result).__name__}: the function must not be a generator"
        raise TypeError(message)
    return result


async def _awaited(result: Any) -> object:
    return await result
