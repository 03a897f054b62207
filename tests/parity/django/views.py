"""The view of the Django project, and functions that make its responses."""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING, Any

from django.http import FileResponse, HttpResponse, StreamingHttpResponse
from django.urls import re_path

from tests.parity.exchange import CALL, Call

if TYPE_CHECKING:
    from collections.abc import Iterator


def view(request: Any) -> Any:
    """Read the request and respond as the exchange specifies."""
    call: Call = request.META[CALL]
    _read(call, request)
    return WAYS[call.exchange.way](call, request)  # type: ignore[attr-defined]


urlpatterns = [re_path("", view)]


def _read(call: Call, request: Any) -> None:
    reads = call.exchange.reads
    if reads == "all":
        call.read = request.body
    elif reads == "length":
        call.read = request.read(int(request.META["CONTENT_LENGTH"]))
    elif reads == "lines":
        call.read = request.readline() + b"".join(request)
    elif reads == "pieces":
        call.read = b"".join(iter(lambda: request.read(3), b""))
        try:
            call.notes["body"] = len(request.body)
        except Exception as error:  # noqa: BLE001 - its name is compared
            call.notes["body"] = type(error).__name__
    elif reads == "form":
        files = {name: file.read().decode("latin-1") for name, file in request.FILES.items()}
        call.notes["form"] = {"fields": request.POST.dict(), "files": files}
    else:
        assert reads == "none"


def _headed(call: Call, response: Any) -> Any:
    answer = call.exchange.answer
    response.status_code = int(answer.status.split()[0])
    del response["Content-Type"]
    for name, value in answer.headers:
        response[name] = value
    return response


def content(call: Call, _request: Any) -> Any:
    return _headed(call, HttpResponse(b"".join(call.exchange.answer.chunks)))


def stream(call: Call, _request: Any) -> Any:
    def chunks() -> Iterator[bytes]:
        try:
            for number, chunk in enumerate(call.exchange.answer.chunks):
                call.journal.append(f"made {number}")
                yield chunk
        finally:
            call.journal.append("closed")

    return _headed(call, StreamingHttpResponse(chunks()))


def file(call: Call, _request: Any) -> Any:
    return _headed(call, FileResponse(io.BytesIO(b"".join(call.exchange.answer.chunks))))


def cookies(call: Call, request: Any) -> Any:
    response = content(call, request)
    response.set_cookie("a", "1")
    response.set_cookie("b", "2", httponly=True)
    return response


def user(call: Call, request: Any) -> Any:
    call.notes["user"] = str(request.user)
    return content(call, request)


def session(call: Call, request: Any) -> Any:
    call.notes["basket"] = request.session.get("basket")
    return content(call, request)


def failing(_call: Call, _request: Any) -> Any:
    message = "the view fails"
    raise ValueError(message)


def document(call: Call, request: Any) -> Any:
    """Parse the request body as JSON, as views of an API do."""
    call.notes["document"] = json.loads(request.body)
    return content(call, request)


WAYS = {way.__name__: way for way in (content, stream, file, cookies, user, session, failing, document)}
