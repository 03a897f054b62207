"""The functions of the settings: which are asked about a call, in what order, and how.

What is to be done is written once, as generators of steps; a synchronous stack runs them one after the other and an
asynchronous one awaits those that can be awaited. An ``Exception`` a function raises is logged once for that function
and costs its result only; an exit is the host's and goes on its way.
"""

from __future__ import annotations

import asyncio
import logging
import sys
from functools import partial
from types import AsyncGeneratorType, GeneratorType
from typing import TYPE_CHECKING, Any

try:
    from asgiref.sync import async_to_sync, iscoroutinefunction, sync_to_async
except ImportError:
    # Before Django 3.0 there is no asynchronous stack; asgiref 3.4 and 3.5 leave the question to asyncio.
    from asyncio import iscoroutinefunction  # type: ignore[assignment]

    try:
        from asgiref.sync import async_to_sync, sync_to_async
    except ImportError:
        sync_to_async = None  # type: ignore[assignment]

        def async_to_sync(function: Callable[..., Any]) -> Callable[..., Any]:  # type: ignore[no-redef]
            """Run a coroutine function to its end."""
            return lambda *arguments: asyncio.run(function(*arguments))


try:
    from django.core.exceptions import SynchronousOnlyOperation
except ImportError:

    class SynchronousOnlyOperation(Exception):  # type: ignore[no-redef]  # noqa: N818
        """What no Django before 3.0 raises."""


from moesif import _native
from moesif.django.users import (
    NOBODY,
    UNKNOWN,
    carried_user,
    has_session,
    look_up,
    look_up_async,
    session_key,
    username,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping
    from typing import TypeAlias

    Steps: TypeAlias = Generator["Step", bool, None]
    #: Steps that have a result.
    Answer: TypeAlias = Generator["Step", bool, bool]

__all__ = ["Functions", "iscoroutinefunction", "run", "run_async", "run_without_waiting"]

_logger = logging.getLogger("moesif.callbacks")


class Function:
    """One function of the settings, or what stands in for one."""

    def __init__(self, name: str, function: Callable[..., Any], cost: str = "its result") -> None:
        self.name = name
        self.function = function
        self.cost = cost
        self.is_async = iscoroutinefunction(function) or iscoroutinefunction(getattr(function, "__call__", None))  # noqa: B004
        #: Whether it has turned out to need a thread of its own in an asynchronous stack.
        self.blocks = False
        #: Whether it cannot be asked where nothing can be awaited.
        self.waits = self.is_async
        self._reported: set[str] = set()

    def report(self, error: BaseException, consequence: str | None = None) -> None:
        """Count a failure, and log it the first time it has this consequence."""
        _native.callback_failed()
        consequence = consequence or f": the call is recorded without {self.cost}"
        if consequence not in self._reported:
            self._reported.add(consequence)
            _logger.warning(
                "%s failed%s. Further failures of it are not logged", self.name, consequence, exc_info=error
            )

    def call(self, *arguments: object) -> object:
        if self.is_async:
            return async_to_sync(self._await)(*arguments)
        result = self.answer(*arguments)
        return async_to_sync(_awaited)(result) if hasattr(type(result), "__await__") else _a_result(result)

    async def call_async(self, *arguments: object) -> object:
        result = await self._called(*arguments)
        return await _awaited(result) if hasattr(type(result), "__await__") else _a_result(result)

    def answer(self, *arguments: object) -> Any:
        """Call the function itself."""
        return self.function(*arguments)

    async def _await(self, *arguments: object) -> object:
        return await self.answer(*arguments)

    async def _called(self, *arguments: object) -> object:
        if self.is_async or not self.blocks:
            try:
                return self.answer(*arguments)
            except SynchronousOnlyOperation:
                # It asks the database: from here on it is called where it may.
                self.blocks = True
        return await sync_to_async(self.answer, thread_sensitive=True)(*arguments)


class Mask(Function):
    """``MASK_EVENT_MODEL``, which is asked about a call and given its event, a new model each time it is called.

    It finds the names of request headers as moesifdjango has shown them, in capitals: a mask that compares them finds
    what it looks for. In the event they are what they were.
    """

    def answer(self, *arguments: Any) -> Any:
        call, names = arguments
        model = call.event_model()
        if model is None:
            return None
        headers = model.request.headers
        if isinstance(headers, dict):
            names.update({name.upper(): name for name in headers})
            model.request.headers = type(headers)({name.upper(): value for name, value in headers.items()})
        return self.function(model)

    @staticmethod
    def accept(call: _native.DjangoCall, names: Mapping[str, str], event: Any) -> bool:
        """Take the event a mask has returned, its headers under their names again."""
        request = event.get("request") if isinstance(event, dict) else getattr(event, "request", None)
        headers = request.get("headers") if isinstance(request, dict) else getattr(request, "headers", None)
        if isinstance(headers, dict):
            named = {names.get(name, name): value for name, value in headers.items()}
            if isinstance(request, dict):
                request["headers"] = named
            else:
                request.headers = named  # type: ignore[union-attr]
        return call.set_event(event)


def _a_result(result: object) -> object:
    if isinstance(result, (GeneratorType, AsyncGeneratorType)):
        message = f"expected its result, found a {type(result).__name__}"
        raise TypeError(message)
    return result


async def _awaited(result: Any) -> object:
    return await result


class Step:
    """A function to be asked, and what takes its answer and tells whether there was one.

    Asked before the view, for governance rules, it also has what is to be told when it fails.
    """

    __slots__ = ("accept", "arguments", "doubt", "function")

    def __init__(
        self,
        function: Function,
        arguments: tuple[object, ...],
        accept: Callable[[Any], bool],
        doubt: Callable[[], None] | None = None,
    ) -> None:
        self.function = function
        self.arguments = arguments
        self.accept = accept
        self.doubt = doubt

    def _failed(self, error: BaseException) -> bool:
        self.function.report(error, _EARLY if self.doubt else None)
        if self.doubt:
            self.doubt()
        return False

    def take(self) -> bool:
        try:
            return self.accept(self.function.call(*self.arguments))
        except (Exception, asyncio.CancelledError) as error:
            return self._failed(error)

    async def take_async(self) -> bool:
        try:
            return self.accept(await self.function.call_async(*self.arguments))
        except Exception as error:
            return self._failed(error)
        except asyncio.CancelledError as error:
            # Of the request, or only of something the function has waited for. Before Python 3.11 nobody can tell.
            task = asyncio.current_task()
            if sys.version_info < (3, 11) or task is None or task.cancelling():
                raise
            return self._failed(error)


def run(steps: Steps) -> None:
    """Take the steps one after the other, on this thread."""
    step = next(steps, None)
    try:
        while step is not None:
            step = steps.send(step.take())
    except StopIteration:
        return


def run_without_waiting(steps: Steps) -> None:
    """Take the steps that nothing need be awaited for, where nothing can be: the others have no result."""
    step = next(steps, None)
    try:
        while step is not None:
            step = steps.send(not step.function.waits and step.take())
    except StopIteration:
        return


async def run_async(steps: Steps) -> None:
    """Take them as ``run`` does, awaiting what can be awaited."""
    step = next(steps, None)
    try:
        while step is not None:
            step = steps.send(await step.take_async())
    except StopIteration:
        return


class UserLookup(Function):
    """The user of a request whose view did not look, in the place of a function of the application."""

    def __init__(self) -> None:
        super().__init__("looking up request.user", look_up, "the user's name")
        self.waits = True

    async def call_async(self, *arguments: Any) -> object:
        return await look_up_async(*arguments)


class Functions:
    """Those of one set of settings."""

    def __init__(self, settings: Mapping[str, Any], *, looks_up_user: bool) -> None:
        def function(option: str, cost: str = "its result") -> Function | None:
            value = settings.get(option)
            return Function(option, value, cost) if callable(value) else None

        self.skip = function("SKIP")
        self.identify_user = function("IDENTIFY_USER")
        self.identify_company = function("IDENTIFY_COMPANY")
        self.get_metadata = function("GET_METADATA")
        self.get_session_token = function("GET_SESSION_TOKEN")
        mask = settings.get("MASK_EVENT_MODEL")
        lost = "headers, bodies, query, session token and metadata"
        self.mask_event_model = Mask("MASK_EVENT_MODEL", mask, lost) if callable(mask) else None
        self._lookup = UserLookup() if looks_up_user else None
        self._username = Function("request.user.username", username, "the user's name")
        self._session_key = Function("request.session.session_key", session_key, "the session token")

    def ask(self, call: _native.DjangoCall, request: Any, response: Any) -> Answer:
        """Ask about a call that has been answered. The result is whether it is wanted."""
        both = (request, response)
        if self.skip and (yield Step(self.skip, both, bool)):
            return False
        attributes = request.__dict__
        if not call.is_identified and (self.identify_user or "user" in attributes):
            yield from self._identify_user(call, both)
        if self.identify_company and not call.has_company_id:
            yield Step(self.identify_company, both, call.set_company_id)
        if self.get_metadata:
            yield Step(self.get_metadata, both, call.set_metadata)
        if self.get_session_token:
            yield Step(self.get_session_token, both, call.set_session_token)
        elif "session" in attributes and has_session(request):
            yield Step(self._session_key, (request,), call.set_session_token)
        return True

    def identify_early(self, call: _native.DjangoCall, request: Any) -> Steps:
        """Ask before the view who makes a call, as far as governance rules need to know: there is no response yet."""
        both = (request, None)
        try:
            if call.needs_user_id:
                if self.identify_user:
                    call.lend_body(request)
                yield from self._identify_user(call, both, call.doubt_user)
            if self.identify_company and call.needs_company_id:
                call.lend_body(request)
                yield Step(self.identify_company, both, call.set_company_id, call.doubt_company)
        finally:
            call.take_body_back(request)

    def _identify_user(
        self, call: _native.DjangoCall, both: tuple[Any, Any], doubt: Callable[[], None] | None = None
    ) -> Steps:
        if self.identify_user and (yield Step(self.identify_user, both, call.set_user_id, doubt)):
            return
        request = both[0]
        user = carried_user(request)
        if user is UNKNOWN and self._lookup and has_session(request):
            yield Step(self._lookup, (request,), call.set_username, doubt)
        elif user is not UNKNOWN and user is not NOBODY:
            yield Step(self._username, (user,), call.set_username, doubt)

    def end(self, call: _native.DjangoCall) -> Steps:
        """Hand a record over, masked if that is wanted."""
        if call.end() and self.mask_event_model:
            names: dict[str, str] = {}
            yield Step(self.mask_event_model, (call, names), partial(Mask.accept, call, names))
            call.deliver()


_EARLY = " before the application was called: governance rules that ask for its result are not applied to the call"
