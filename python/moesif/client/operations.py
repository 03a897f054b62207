"""The calls of the API, as steps: each yields what is to be asked, is given what came of it, and returns a result.

So that every call is written once, whoever waits: a thread, a greenlet, an event loop, or a request of the application.
"""

from __future__ import annotations

import json
import logging
from collections import deque
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from moesif.client import documents
from moesif.client.exchange import APIConnectionError, APIException, HttpContext, HttpResponse
from moesif.models import StatusModel
from moesif.models.event import Headers

if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from typing import TypeAlias

    from moesif.client.documents import Document, Documents, Kind
    from moesif.client.exchange import HttpRequest
    from moesif.client.waiting import Outcome

_logger = logging.getLogger("moesif.client")

#: The batch is too large.
_TOO_LARGE = 413


class Asked(NamedTuple):
    """A request: a GET, or a POST of JSON text."""

    path: str
    document: str | None = None


class Told(NamedTuple):
    """What came of a request; ``problem`` is a sentence where not all is well."""

    context: HttpContext
    problem: str | None

    @classmethod
    def of(cls, request: HttpRequest, outcome: Outcome) -> Told:
        """Return what came of a request that was waited for."""
        status, fields, body, problem = outcome
        return cls(HttpContext(request, HttpResponse.of(status, fields, body) if status else None), problem)

    @property
    def status(self) -> int:
        """The status of the answer; 0 where none came."""
        return self.context.response.status_code if self.context.response else 0

    def response(self) -> HttpResponse:
        """Return the answer of a request that has succeeded. Raises ``APIException`` for any other."""
        response = self.context.response
        if response is None:
            raise APIConnectionError(self.problem or "no answer came", self.context)
        if not 200 <= response.status_code <= 299:  # noqa: PLR2004 - success
            raise APIException(self.problem or f"it answered {response.status_code}", self.context)
        if self.problem:
            # It is answered with success and not kept, or not all of it.
            raise APIException(self.problem, self.context)
        return response

    @property
    def is_partial(self) -> bool:
        """Whether the collector has kept the documents but for some."""
        return self.problem is not None and 200 <= self.status <= 299  # noqa: PLR2004 - success


_Result = TypeVar("_Result")

if TYPE_CHECKING:
    Steps: TypeAlias = Generator[Asked, Told, _Result]


def run(steps: Steps[_Result], ask: Callable[[Asked], Told]) -> _Result:
    """Make a call by asking, and waiting for, each thing in turn."""
    try:
        asked = next(steps)
        while True:
            asked = steps.send(ask(asked))
    except StopIteration as end:
        result: _Result = end.value
        return result


def send(kind: Kind, document: Document) -> Steps[HttpResponse]:
    """Send one document."""
    return (yield from send_text(kind, documents.text_of(kind, document)))


def send_text(kind: Kind, text: str) -> Steps[HttpResponse]:
    """Send one document that is JSON text already."""
    return (yield Asked(kind.path, text)).response()


def send_batch(kind: Kind, given: Documents) -> Steps[Headers]:
    """Send documents, with as few requests as they fit into. Returns the headers of the last answer."""
    return (yield from send_texts(kind, documents.texts_of(kind, given)))


def send_texts(kind: Kind, texts: list[str]) -> Steps[Headers]:
    """Send documents that are JSON text already. What is not kept of one part keeps no other from being sent."""
    parts = deque(documents.parts_of(texts))
    headers = Headers()
    sent = 0
    partial: list[tuple[str, HttpContext]] = []
    try:
        while parts:
            part = parts.popleft()
            told = yield Asked(f"{kind.path}/batch", f"[{','.join(part)}]")
            if told.status == _TOO_LARGE and len(part) > 1:
                half = len(part) // 2
                parts.extendleft((part[half:], part[:half]))
                continue
            if told.is_partial:
                # A collector counts from the beginning of the part.
                where = "" if len(part) == len(texts) else f"of elements {sent} to {sent + len(part) - 1}: "
                partial.append((f"{where}{told.problem}", told.context))
            else:
                headers = Headers(told.response().headers)
            sent += len(part)
    except APIException:
        for problem, _ in partial:
            _logger.error("%s", problem)  # noqa: TRY400 - the exception is about another part
        raise
    if partial:
        raise APIException("; ".join(problem for problem, _ in partial), partial[-1][1])
    return headers


def fetch(path: str) -> Steps[HttpResponse]:
    """Ask for a document."""
    return (yield Asked(path)).response()


def probe() -> Steps[StatusModel]:
    """Ask the collector how it is."""
    told = yield Asked("/health/probe")
    try:
        status: Any = json.loads(told.response().raw_body)
    except ValueError:
        status = None
    if not isinstance(status, dict):
        message = f"{told.context.request.query_url} did not answer with a JSON object, as a collector does"
        raise APIException(message, told.context)
    return StatusModel.from_dictionary(status)
