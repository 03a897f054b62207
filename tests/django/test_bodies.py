"""Request bodies are recorded as the view reads them. The middleware reads none itself.

docs/guarantees.md: I-10, I-12.
"""

from __future__ import annotations

import base64
import copy
import io
import json
import pickle
from typing import TYPE_CHECKING, Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.http import HttpResponse
from django.test import RequestFactory

from moesifdjango.middleware import moesif_middleware
from moesifdjango.middleware_pre19 import MoesifMiddlewarePre19

if TYPE_CHECKING:
    from tests.django.conftest import Project
    from tests.recorder import Recorder


def test_a_body_read_in_pieces_is_recorded_and_cannot_be_read_again(project: Project, recorder: Recorder) -> None:
    bare = project(middleware=[]).post("/reading", b"twelve bytes", content_type="text/plain")
    ours = project().post("/reading", b"twelve bytes", content_type="text/plain")
    assert json.loads(ours.content) == {"read": "twelve bytes", "body": "RawPostDataException"}
    assert ours.content == bare.content
    (event,) = recorder.wait_for(1)
    assert base64.b64decode(event["request"]["body"]) == b"twelve bytes"


def test_multipart_uploads_arrive_whole_and_are_recorded(project: Project, recorder: Recorder) -> None:
    def upload() -> dict[str, object]:
        return {"name": "ann", "photo": SimpleUploadedFile("a.txt", b"of the file")}

    bare = project(middleware=[]).post("/form", upload())
    ours = project().post("/form", upload())
    assert json.loads(ours.content) == {"fields": {"name": "ann"}, "files": {"photo": "of the file"}}
    assert ours.content == bare.content
    (event,) = recorder.wait_for(1)
    assert b"of the file" in base64.b64decode(event["request"]["body"])


def test_large_upload_arrives_whole_and_a_prefix_is_recorded(project: Project, recorder: Recorder) -> None:
    big = b"x" * 3_000_000
    response = project(REQUEST_MAX_BODY_SIZE=1000).post("/form", {"photo": SimpleUploadedFile("big", big)})
    assert json.loads(response.content)["files"] == {"photo": big.decode()}
    (event,) = recorder.wait_for(1)
    assert len(event["request"]["body"]) <= 1000
    assert event["request"]["headers"]["X-Moesif-Body-Truncated"] == "1"


def test_body_too_large_for_django_is_refused_as_before(project: Project, recorder: Recorder) -> None:
    limit = {"DATA_UPLOAD_MAX_MEMORY_SIZE": 10}
    bare = project(middleware=[], django=limit).post("/echo", b"x" * 100, content_type="text/plain")
    ours = project(django=limit).post("/echo", b"x" * 100, content_type="text/plain")
    assert (ours.status_code, ours.content) == (bare.status_code, bare.content)
    (event,) = recorder.wait_for(1)
    assert event["response"]["status"] == ours.status_code


def test_unread_body_stays_unread(project: Project, recorder: Recorder) -> None:
    request = RequestFactory().post("/plain", b"unread", content_type="text/plain")
    project()
    moesif_middleware(lambda _request: HttpResponse("ok"))(request)
    assert not getattr(request, "_read_started", False)
    assert request.body == b"unread"
    (event,) = recorder.wait_for(1)
    assert event["request"].get("body") is None


def test_read_request_body_first_records_an_unread_body(project: Project, recorder: Recorder) -> None:
    client = project(READ_REQUEST_BODY_FIRST=True)
    client.post("/plain", '{"a": 1}', content_type="application/json")
    response = client.post("/reading", b"twelve bytes", content_type="text/plain")
    assert json.loads(response.content) == {"read": "twelve bytes", "body": "RawPostDataException"}
    response = client.post("/form", {"photo": SimpleUploadedFile("a.txt", b"of the file")})
    assert json.loads(response.content)["files"] == {"photo": "of the file"}
    unread, read, form = recorder.wait_for(3)
    assert unread["request"]["body"] == {"a": 1}
    assert base64.b64decode(read["request"]["body"]) == b"twelve bytes"
    assert b"of the file" in base64.b64decode(form["request"]["body"])


def test_body_read_before_the_middleware_is_recorded(project: Project, recorder: Recorder) -> None:
    request = RequestFactory().post("/plain", b'{"a": 1}', content_type="application/json")
    assert request.body
    project()
    moesif_middleware(lambda _request: HttpResponse("ok"))(request)
    (event,) = recorder.wait_for(1)
    assert event["request"]["body"] == {"a": 1}


@pytest.mark.parametrize("length", ["", "0", "-5", "nonsense"])
def test_invalid_content_length_does_not_matter(project: Project, recorder: Recorder, length: str) -> None:
    bare = project(middleware=[]).generic("POST", "/echo", b"", CONTENT_LENGTH=length)
    ours = project().generic("POST", "/echo", b"", CONTENT_LENGTH=length)
    assert (ours.status_code, ours.content) == (bare.status_code, bare.content)
    recorder.wait_for(1)


def test_replaced_stream_behaves_like_that_of_the_server(project: Project) -> None:
    def view(request: object) -> HttpResponse:
        lines = [request.readline(), *request]  # type: ignore[attr-defined, misc]
        return HttpResponse(b"".join(lines))

    project()
    request = RequestFactory().post("/plain", b"one\ntwo\nthree", content_type="text/plain")
    assert moesif_middleware(view)(request).content == b"one\ntwo\nthree"


@pytest.mark.parametrize("middleware", [moesif_middleware, MoesifMiddlewarePre19])
@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda request: pickle.loads(pickle.dumps(request))])
def test_request_can_be_copied_and_pickled(
    project: Project, recorder: Recorder, middleware: Any, duplicate: Any
) -> None:
    project()
    copies = []

    def view(request: Any) -> HttpResponse:
        copies.append(duplicate(request))
        return HttpResponse(request.read())

    request = RequestFactory().post("/", b"twelve bytes", content_type="text/plain")
    # The stream of a real server cannot be copied, with or without this package.
    for name in ("wsgi.input", "wsgi.errors"):
        del request.META[name]
    request._stream = io.BytesIO(b"twelve bytes")  # noqa: SLF001 - Django has no public name for it
    if middleware is moesif_middleware:
        response = moesif_middleware(view)(request)
    else:
        old = MoesifMiddlewarePre19()
        assert old.process_request(request) is None
        response = old.process_response(request, view(request))
    assert response.content == b"twelve bytes"
    # Newer Djangos leave the stream out of the copy.
    assert all(stream.read() == b"twelve bytes" for stream in [getattr(copies[0], "_stream", None)] if stream)
    (event,) = recorder.wait_for(1)
    assert base64.b64decode(event["request"]["body"]) == b"twelve bytes"
