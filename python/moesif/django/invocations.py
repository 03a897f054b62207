"""Calls of functions, one after the other: a synchronous stack makes them, an asynchronous one awaits them.

What is to be called is written once, as a generator of ``Invocation``. Each gives the generator whether it had an
answer. An ``Exception`` that a function raises costs its result only and is logged once for that function. An exit
or a time limit propagates to the host, and no function is called any more.
"""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING

from moesif import _native
from moesif.django.functions import SynchronousOnlyOperation, in_thread

if TYPE_CHECKING:
    from collections.abc import Generator
    from typing import TypeAlias

    from moesif.django.functions import Function

    Invocations: TypeAlias = Generator["Invocation", bool, None]
    #: Invocations that come to a yes or no.
    Question: TypeAlias = Generator["Invocation", bool, bool]

__all__ = ["DefaultInvocation", "Invocation", "run", "run_async", "run_without_awaiting"]


class Invocation:
    """One call of a function, for a step of the sequence.

    ``is_early`` says that it comes before the view, because governance rules need the answer.
    """

    __slots__ = ("arguments", "call", "function", "is_early", "step")

    #: Whether the function is ours, in place of one of the settings.
    is_default = False

    def __init__(
        self,
        function: Function,
        arguments: tuple[object, ...],
        call: _native.DjangoCall,
        step: _native.Step,
        is_early: bool,  # noqa: FBT001 - a keyword would cost each call a dictionary
    ) -> None:
        self.function = function
        self.arguments = arguments
        self.call = call
        self.step = step
        self.is_early = is_early

    def run(self) -> bool:
        """Call the function. Return whether it had an answer."""
        try:
            return self.call.take(self.step, self.function.call(*self.arguments), self.is_default)
        except (Exception, asyncio.CancelledError) as error:
            failure = error
        except BaseException:
            self._interrupted()
            raise
        try:
            return self._failed(failure)
        finally:
            del failure  # its traceback refers to this frame

    async def run_async(self) -> bool:
        """Do the same from asynchronous code."""
        function = self.function
        try:
            result = await function.call_async(*self.arguments)
            if not function.result_blocks:
                try:
                    return self.call.take(self.step, result, self.is_default)
                except SynchronousOnlyOperation:
                    # Its truth or text comes from the database: read it in a thread from now on.
                    function.result_blocks = True
            return bool(await in_thread(self.call.take, self.step, result, self.is_default))
        except Exception as error:
            failure: BaseException = error
        except asyncio.CancelledError as error:
            # Either the request was cancelled, or something that the function awaited. Python 3.11 can tell which.
            task = asyncio.current_task()
            if sys.version_info < (3, 11) or task is None or task.cancelling():
                self._interrupted()
                raise
            failure = error
        except BaseException:
            self._interrupted()
            raise
        try:
            return self._failed(failure)
        finally:
            del failure  # its traceback refers to this frame

    def _failed(self, error: BaseException) -> bool:
        """Log a failure, which is no longer being handled, so that only it is logged.

        Raises an exception that was raised into the function.
        """
        if _native.is_interruption(error):
            self._interrupted()
            raise error
        self.function.failures.report(error, self.is_early)
        if self.is_early:
            self.call.mark_unknown(self.step)
        return False

    def _interrupted(self) -> None:
        """Handle that an exit or a time limit has ended the function: no function is called any more."""
        self.call.interrupt()
        if not self.is_early:
            # The host may keep the exception, and with it everything that would end the record later.
            self.call.end()


class DefaultInvocation(Invocation):
    """One call of a function of ours, in place of one of the settings."""

    __slots__ = ()

    is_default = True


def run(invocations: Invocations) -> None:
    """Make the calls on this thread."""
    invocation = next(invocations, None)
    try:
        while invocation is not None:
            invocation = invocations.send(invocation.run())
    except StopIteration:
        return


def run_without_awaiting(invocations: Invocations) -> None:
    """Make the calls that need no awaiting. The others have no answer."""
    invocation = next(invocations, None)
    try:
        while invocation is not None:
            invocation = invocations.send(not invocation.function.must_await and invocation.run())
    except StopIteration:
        return


async def run_async(invocations: Invocations) -> None:
    """Make the calls and await their results."""
    invocation = next(invocations, None)
    try:
        while invocation is not None:
            invocation = invocations.send(await invocation.run_async())
    except StopIteration:
        return
