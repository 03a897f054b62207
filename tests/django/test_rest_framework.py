"""The Django REST framework has its own way to read bodies and find users (docs/guarantees.md, I-10, I-12)."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING

import pytest

pytest.importorskip("rest_framework")

if TYPE_CHECKING:
    from tests.django.conftest import Project
    from tests.recorder import Recorder

ANN = {"HTTP_AUTHORIZATION": "Basic " + base64.b64encode(b"ann:secret").decode()}


def test_user_authenticated_by_the_framework_is_recorded(project: Project, recorder: Recorder) -> None:
    response = project(DJANGO_USER="resolved").get("/api", **ANN)
    assert json.loads(response.content.decode()) == {"user": "ann"}
    (event,) = recorder.wait_for(1)
    assert event["user_id"] == "ann"
    assert event["response"]["body"] == {"user": "ann"}


def test_body_parsed_by_the_framework_is_recorded(project: Project, recorder: Recorder) -> None:
    response = project().post("/api", '{"a": [1]}', content_type="application/json")
    assert (response.status_code, json.loads(response.content.decode())) == (201, {"given": {"a": [1]}})
    (event,) = recorder.wait_for(1)
    assert event["request"]["body"] == {"a": [1]}
    assert event["response"]["body"] == {"given": {"a": [1]}}


@pytest.mark.parametrize("read_first", [False, True])
def test_request_rejected_by_the_framework_is_recorded_with_its_answer(
    project: Project, recorder: Recorder, *, read_first: bool
) -> None:
    client = project(READ_REQUEST_BODY_FIRST=read_first)
    assert client.post("/api", "no JSON", content_type="application/json").status_code == 400
    assert client.delete("/api").status_code == 405
    events = recorder.wait_for(2)
    assert sorted(event["response"]["status"] for event in events) == [400, 405]
    refused = next(event for event in events if event["response"]["status"] == 400)
    assert base64.b64decode(refused["request"]["body"]) == b"no JSON"


def test_answers_differ_by_one_header_only(project: Project) -> None:
    def answers(middleware: list[str] | None) -> list[object]:
        client = project(middleware=middleware)
        responses = [
            client.get("/api", **ANN),
            client.get("/api"),
            client.post("/api", '{"a": 1}', content_type="application/json"),
            client.post("/api", {"field": "value"}),
            client.get("/api", HTTP_AUTHORIZATION="Basic nonsense"),
        ]
        return [
            (
                response.status_code,
                sorted((name, value) for name, value in response.items() if name != "X-Moesif-Transaction-Id"),
                response.content,
            )
            for response in responses
        ]

    from django.conf import settings

    assert answers(None) == answers(list(settings.AROUND))
