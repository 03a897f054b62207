"""The operations of the API as generators that do no I/O.

An operation yields each request it needs, receives the result of that request, and returns its own result. So
each operation is written once, and can be driven by a thread, a greenlet or an event loop.
"""

from __future__ import annotations

import json
import logging
from collections import deque
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from moesif.client import documents
from moesif.client.errors import APIConnectionError, APIException
from moesif.client.http import HttpContext, HttpResponse
from moesif.models import Headers, StatusModel

if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from typing import TypeAlias

    from moesif.client.documents import Document, Documents, Kind
    from moesif.client.http import HttpRequest
    from moesif.client.transport import Outcome

_logger = logging.getLogger("moesif.client")

_PAYLOAD_TOO_LARGE = 413


class ApiRequest(NamedTuple):
    """A request to the API: a POST of JSON text, or a GET if there is no document."""

    path: str
    document: str | None = None


class ApiResult(NamedTuple):
    """The result of a request. ``problem`` is a sentence if something went wrong."""

    context: HttpContext
    problem: str | None

    @classmethod
    def of(cls, request: HttpRequest, outcome: Outcome) -> ApiResult:
        """Return the result of a request from the outcome of its native call."""
        response = HttpResponse.of(outcome.status, outcome.fields, outcome.body) if outcome.status else None
        return cls(HttpContext(request, response), outcome.problem)

    @property
    def status(self) -> int:
        """The status of the answer, or 0 if none came."""
        return self.context.response.status_code if self.context.response else 0

    @property
    def is_success(self) -> bool:
        """Whether the status is 2xx."""
        return 200 <= self.status <= 299  # noqa: PLR2004 - the range of success

    @property
    def is_partial_success(self) -> bool:
        """Whether the collector stored only some of the documents."""
        return self.problem is not None and self.is_success

    def response(self) -> HttpResponse:
        """Return the answer of a request that succeeded. Raises ``APIException`` for any other."""
        response = self.context.response
        if response is None:
            raise APIConnectionError(self.problem or "no answer came", self.context)
        if not self.is_success:
            raise APIException(self.problem or f"the collector answered {response.status_code}", self.context)
        if self.problem:
            # The answer is 2xx, but the collector did not store everything.
            raise APIException(self.problem, self.context)
        return response


_Result = TypeVar("_Result")

if TYPE_CHECKING:
    Operation: TypeAlias = Generator[ApiRequest, ApiResult, _Result]


def run(operation: Operation[_Result], send: Callable[[ApiRequest], ApiResult]) -> _Result:
    """Run an operation. ``send`` sends a request and waits for its result."""
    try:
        request = next(operation)
        while True:
            request = operation.send(send(request))
    except StopIteration as end:
        result: _Result = end.value
        return result


def send_document(kind: Kind, document: Document) -> Operation[HttpResponse]:
    """Send one document."""
    return (yield from send_json(kind, documents.to_json(kind, document)))


def send_json(kind: Kind, json_text: str) -> Operation[HttpResponse]:
    """Send one document that is JSON text already."""
    return (yield ApiRequest(kind.path, json_text)).response()


def send_batch(kind: Kind, batch: Documents) -> Operation[Headers]:
    """Send documents with as few requests as possible. Returns the headers of the last answer."""
    return (yield from send_json_batch(kind, documents.batch_to_json(kind, batch)))


def send_json_batch(kind: Kind, json_texts: list[str]) -> Operation[Headers]:
    """Send documents that are JSON text already. Returns the headers of the last answer.

    A part that the collector stores only partly does not stop the other parts. Its exception is raised at the
    end.
    """
    parts = deque(documents.split_batch(json_texts))
    headers = Headers()
    sent = 0
    partial_successes: list[tuple[str, HttpContext]] = []
    try:
        while parts:
            part = parts.popleft()
            result = yield ApiRequest(f"{kind.path}/batch", f"[{','.join(part)}]")
            if result.status == _PAYLOAD_TOO_LARGE and len(part) > 1:
                half = len(part) // 2
                parts.extendleft((part[half:], part[:half]))
                continue
            if result.is_partial_success:
                # The indexes in the collector's answer count from the beginning of the part.
                where = "" if len(part) == len(json_texts) else f"of elements {sent} to {sent + len(part) - 1}: "
                partial_successes.append((f"{where}{result.problem}", result.context))
            else:
                headers = Headers(result.response().headers)
            sent += len(part)
    except APIException:
        for problem, _ in partial_successes:
            _logger.error("%s", problem)  # noqa: TRY400 - the exception is about another part
        raise
    if partial_successes:
        raise APIException("; ".join(problem for problem, _ in partial_successes), partial_successes[-1][1])
    return headers


def fetch(path: str) -> Operation[HttpResponse]:
    """Get a document."""
    return (yield ApiRequest(path)).response()


def probe() -> Operation[StatusModel]:
    """Get the health of the collector."""
    result = yield ApiRequest("/health/probe")
    try:
        status: Any = json.loads(result.response().raw_body)
    except ValueError:
        status = None
    if not isinstance(status, dict):
        url = result.context.request.query_url
        message = f"{url} did not answer with a JSON object: set BASE_URI to the address of a collector"
        raise APIException(message, result.context)
    return StatusModel.from_dictionary(status)
