"""Code from the documentation of moesifwsgi runs unchanged."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Protocol

import pytest

from tests.examples import snippets
from tests.outgoing.api import DOCUMENT

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Ended, RunProgram
    from tests.outgoing.api import Api
    from tests.recorder import Recorder


@pytest.fixture
def documented(recorder: Recorder) -> Recorder:
    """A recorder that keeps events with the application ids of the documentation."""
    recorder.ids.extend(snippets.IDS)
    return recorder


class Run(Protocol):
    def __call__(self, *parts: str) -> Ended: ...


@pytest.fixture
def run(run_program: RunProgram, documented: Recorder, tmp_path: Path) -> Run:
    """Write a program of several parts to a file, and run it."""

    def run(*parts: str) -> Ended:
        program = tmp_path / "hello.py"
        program.write_text("\n".join(parts))
        source = f"import runpy; runpy.run_path({str(program)!r}, run_name='__main__')"
        # Ignore warnings of frameworks about their own dependencies.
        ended = run_program(source, to=documented, variables={"PYTHONWARNINGS": "ignore"})
        assert ended.code == 0, ended.errors
        return ended

    return run


def _ids(documented: Recorder) -> set[str]:
    return {delivery.headers["X-Moesif-Application-Id"] for delivery in documented.deliveries}


@pytest.mark.parametrize(
    "program",
    [
        (snippets.FLASK, snippets.WRAP_FLASK, snippets.CALL_FLASK),
        (snippets.BOTTLE, snippets.WRAP_BOTTLE),
        (snippets.PYRAMID, snippets.WRAP_PYRAMID),
    ],
    ids=["Flask", "Bottle", "Pyramid"],
)
def test_wrapping_an_application_captures_its_calls(run: Run, documented: Recorder, program: tuple[str, ...]) -> None:
    ended = run(*program)
    assert ended.output.splitlines()[0] == "200 OK"
    assert ended.errors == ""
    event = next(event for event in documented.events if event["request"]["uri"] == "http://api.example.com/")
    assert event["response"]["body"]["hello"] == "world"
    assert _ids(documented) == {"YOUR_MOESIF_APPLICATION_ID"}


def test_capture_outgoing_requests_can_be_false(run: Run, documented: Recorder) -> None:
    assert run(snippets.OUTGOING, snippets.CALL_FLASK).errors == ""
    assert [event["response"]["status"] for event in documented.events] == [404] * 4


def test_capture_outgoing_requests_captures_outgoing_calls(run: Run, documented: Recorder, api: Api) -> None:
    view = f"import requests\n@app.get('/')\ndef call(): return requests.get({api.uri!r} + '/items').json()"
    assert run(snippets.OUTGOING.replace("False", "True"), view, snippets.CALL_FLASK).errors == ""
    [outgoing] = [event for event in documented.events if event["direction"] == "Outgoing"]
    [incoming] = [event for event in documented.events if event["response"]["status"] == 200 and event != outgoing]
    assert incoming["response"]["body"] == outgoing["response"]["body"] == DOCUMENT
    assert outgoing["metadata"] == {"incoming_transaction_id": incoming["transaction_id"]}


def test_every_function_of_the_example_is_called(run: Run, documented: Recorder) -> None:
    ended = run(snippets.FLASK, snippets.EVERY_FUNCTION, snippets.CALL_FLASK)
    assert ended.output.splitlines() == ["200 OK"] * 4
    assert "/health/probe" not in json.dumps(documented.events)
    events = {event["request"]["uri"].removeprefix("http://api.example.com"): event for event in documented.events}
    assert set(events) == {"/", "/list", "/nothing"}
    for event in events.values():
        assert (event["user_id"], event["company_id"]) == ("12345", "67890")
    for path, body in (("/", {"password": None, "hello": "world"}), ("/list", [1, 2])):
        assert events[path]["response"]["body"] == body
        assert events[path]["session_token"] == "XXXXXXXXXXXXXX"
        assert events[path]["metadata"] == {"datacenter": "westus", "deployment_version": "v1.2.3"}
    # The documented mask fails for a response without a body. The failure is logged, and the event is sent stripped.
    assert events["/nothing"]["response"]["status"] == 200
    assert "metadata" not in events["/nothing"]
    assert "MASK_EVENT_MODEL failed" in ended.errors
    assert b"s3cr3t" not in b"".join(delivery.json for delivery in documented.deliveries)


@pytest.mark.parametrize(
    "update",
    [
        (snippets.UPDATE_USER, "user", "/v1/users"),
        (snippets.UPDATE_USERS, "[userA, userB]", "/v1/users/batch"),
        (snippets.UPDATE_COMPANY, "company", "/v1/companies"),
        (snippets.UPDATE_COMPANIES, "[companyA, companyB]", "/v1/companies/batch"),
    ],
    ids=["user", "users", "company", "companies"],
)
@pytest.mark.parametrize("package", ["moesifapi.moesif_api_client", "moesifapi", "moesifwsgi"])
def test_users_and_companies_are_updated_as_shown(
    run: Run, documented: Recorder, package: str, update: tuple[str, str, str]
) -> None:
    snippet, given, path = update
    ended = run(f"from {package} import *", snippets.CLIENT, snippet, f"import json; print(json.dumps({given}))")
    assert ended.errors == ""
    [delivery] = documented.accepted
    assert delivery.path == path
    assert json.loads(delivery.json) == json.loads(ended.output)
    assert _ids(documented) == {"Your Moesif Application Id"}
