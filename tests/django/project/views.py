"""Views of every kind, by name."""

from __future__ import annotations

import asyncio
import io
import itertools
import json
from typing import TYPE_CHECKING, Any

from django.contrib.auth import authenticate, login
from django.core.exceptions import PermissionDenied
from django.http import FileResponse, HttpResponse, StreamingHttpResponse

import django
from tests.gate import pass_gate

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

VIEWS: dict[str, Callable[..., Any]] = {}
#: Events in the life of streams, in order.
JOURNAL: list[str] = []


def view(function: Callable[..., Any]) -> Callable[..., Any]:
    VIEWS[function.__name__] = function
    return function


def as_json(document: object, status: int = 200) -> HttpResponse:
    return HttpResponse(json.dumps(document), content_type="application/json", status=status)


@view
def plain(_request: Any) -> HttpResponse:
    return as_json({"hello": "world"})


@view
def echo(request: Any) -> HttpResponse:
    """Return the request body, read through ``request.body``."""
    return HttpResponse(request.body, content_type=request.META.get("CONTENT_TYPE") or "text/plain")


@view
def reading(request: Any) -> HttpResponse:
    """Read the body in pieces, then access ``request.body``, which Django refuses."""
    pieces = list(iter(lambda: request.read(5), b""))
    try:
        kept = request.body.decode()
    except Exception as error:  # noqa: BLE001 - its name is the answer
        kept = type(error).__name__
    return as_json({"read": b"".join(pieces).decode(), "body": kept})


@view
def form(request: Any) -> HttpResponse:
    files = {name: file.read().decode() for name, file in request.FILES.items()}
    return as_json({"fields": request.POST.dict(), "files": files})


@view
def cookies(_request: Any) -> HttpResponse:
    response = as_json({})
    response.set_cookie("a", "1")
    response.set_cookie("b", "2")
    response["X-Own"] = "yes"
    return response


@view
def own_id(_request: Any) -> HttpResponse:
    response = as_json({})
    response["X-Moesif-Transaction-Id"] = "its-own"
    return response


@view
def journal(_request: Any) -> HttpResponse:
    JOURNAL.append("the view ran")
    return as_json({})


@view
def failing(_request: Any) -> HttpResponse:
    message = "the view fails"
    raise ValueError(message)


@view
def refusing(_request: Any) -> HttpResponse:
    raise PermissionDenied


@view
def whoami(request: Any) -> HttpResponse:
    return as_json({"user": request.user.username})


@view
def session(request: Any) -> HttpResponse:
    return as_json({"visits": request.session.get("visits", 0)})


@view
def visit(request: Any) -> HttpResponse:
    request.session["visits"] = request.session.get("visits", 0) + 1
    return as_json({"visits": request.session["visits"]})


@view
def enter(request: Any) -> HttpResponse:
    user = authenticate(username=request.POST["username"], password=request.POST["password"])
    login(request, user)
    return as_json({"welcome": user.username})


@view
def streaming(_request: Any) -> StreamingHttpResponse:
    def chunks() -> Iterator[str]:
        try:
            for number in range(3):
                JOURNAL.append(f"made {number}")
                yield f"chunk {number};"
        finally:
            JOURNAL.append("closed")

    return StreamingHttpResponse(chunks(), content_type="text/plain")


@view
def gated(_request: Any) -> StreamingHttpResponse:
    """Make the second chunk only after the gate has opened."""

    def chunks() -> Iterator[bytes]:
        yield b"first"
        pass_gate()
        yield b"second"

    return StreamingHttpResponse(chunks())


@view
def endless(_request: Any) -> StreamingHttpResponse:
    """Send events until the client disconnects."""
    return StreamingHttpResponse(b"data: %08d\n\n" % number for number in itertools.count())


@view
def breaking(_request: Any) -> StreamingHttpResponse:
    def chunks() -> Iterator[bytes]:
        yield b"one"
        message = "the stream breaks"
        raise ValueError(message)

    return StreamingHttpResponse(chunks())


try:
    from rest_framework.authentication import BasicAuthentication
    from rest_framework.renderers import JSONRenderer
    from rest_framework.response import Response
    from rest_framework.views import APIView
except ImportError:
    pass
else:

    class Api(APIView):  # type: ignore[misc]
        """A view of the REST framework with its own authentication."""

        authentication_classes = (BasicAuthentication,)
        permission_classes = ()
        renderer_classes = (JSONRenderer,)

        def get(self, request: Any) -> Any:
            return Response({"user": request.user.username})

        def post(self, request: Any) -> Any:
            return Response({"given": request.data}, status=201)

    VIEWS["api"] = Api.as_view()


@view
def file(_request: Any) -> FileResponse:
    return FileResponse(io.BytesIO(b"of a file"), content_type="text/plain")


@view
def where(request: Any) -> HttpResponse:
    return as_json({"path": request.path, "query": request.META.get("QUERY_STRING")})


if django.VERSION >= (3, 1):

    @view
    async def aplain(_request: Any) -> HttpResponse:
        return as_json({"hello": "async"})

    @view
    async def athread(request: Any) -> HttpResponse:
        import threading

        return as_json({"thread": threading.get_ident(), "body": request.body.decode()})


if django.VERSION >= (4, 2):

    @view
    async def astreaming(_request: Any) -> StreamingHttpResponse:
        async def chunks() -> AsyncIterator[str]:
            try:
                for number in range(3):
                    JOURNAL.append(f"made {number}")
                    yield f"chunk {number};"
            finally:
                JOURNAL.append("closed")

        return StreamingHttpResponse(chunks(), content_type="text/plain")

    @view
    async def agated(_request: Any) -> StreamingHttpResponse:
        async def chunks() -> AsyncIterator[bytes]:
            yield b"first"
            await asyncio.to_thread(pass_gate)
            yield b"second"

        return StreamingHttpResponse(chunks())

    @view
    async def aendless(_request: Any) -> StreamingHttpResponse:
        async def chunks() -> AsyncIterator[bytes]:
            for number in itertools.count():
                yield b"data: %08d\n\n" % number
                await asyncio.sleep(0)

        return StreamingHttpResponse(chunks())


if django.VERSION >= (5, 0):

    @view
    async def awhoami(request: Any) -> HttpResponse:
        return as_json({"user": (await request.auser()).username})
