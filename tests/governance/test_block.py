"""A blocking rule responds instead of the application (docs/wire-contract.md, Governance)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from wsgiref.validate import validator

import pytest

import moesif
from tests.gateway import Environ, Gateway, hello, make_environ, request
from tests.governance.rules import events_of, rule, when
from tests.remote.config import wait_until

if TYPE_CHECKING:
    from tests.governance.conftest import Govern
    from tests.recorder import Recorder

ID = "X-Moesif-Transaction-Id"
ON_BLOCKED = when(route="^/blocked$")


def _blocking(**response: Any) -> list[dict[str, Any]]:
    return [rule(regex_config=ON_BLOCKED, response=response)]


def blocked(application: Any, method: str = "GET", **variables: Any) -> Gateway:
    return request(application, make_environ(method, "/blocked", **variables))


def test_application_of_blocked_call_is_not_called(govern: Govern) -> None:
    paths: list[str] = []

    def application(environ: Environ, start_response: Any) -> list[bytes]:
        paths.append(environ["PATH_INFO"])
        return hello(environ, start_response)

    governed = govern(_blocking(), {}, application)
    paths.clear()
    blocked(governed)
    request(governed, make_environ("GET", "/other"))
    assert paths == ["/other"]


@pytest.mark.only("WSGI")
def test_blocking_response_is_complete(govern: Govern) -> None:
    governed = govern(_blocking(status=403, headers={"X-Reason": "quota"}, body={"error": "é", "n": [1.50]}))
    gateway = Gateway()
    environ = make_environ("GET", "/blocked", HTTP_X_MOESIF_TRANSACTION_ID="mine-1")
    result = governed(environ, gateway.start_response)
    assert type(result) is list
    assert (gateway.status, gateway.starts) == ("403 Forbidden", 1)
    # The body is sent as the collector wrote it.
    assert b"".join(result) == rb'{"error": "\u00e9", "n": [1.5]}'
    assert gateway.headers == [
        ("X-Reason", "quota"),
        ("Content-Type", "application/json"),
        ("Content-Length", str(len(b"".join(result)))),
        (ID, "mine-1"),
    ]


@pytest.mark.parametrize(
    ("status", "line"),
    [
        (200, "200 OK"),
        (402, "402 Payment Required"),
        (429, "429 Too Many Requests"),
        (430, "430 Unknown"),
        (306, "306 Unknown"),
        (599, "599 Unknown"),
        ("451", "451 Unavailable For Legal Reasons"),
        # Not a status, or a status that does not end a request.
        (100, "429 Too Many Requests"),
        (199, "429 Too Many Requests"),
        (99, "429 Too Many Requests"),
        (600, "429 Too Many Requests"),
        (-1, "429 Too Many Requests"),
        (402.5, "429 Too Many Requests"),
        ("none", "429 Too Many Requests"),
        (None, "429 Too Many Requests"),
        ([], "429 Too Many Requests"),
    ],
)
def test_any_status_gets_a_status_line(recorder: Recorder, govern: Govern, status: object, line: str) -> None:
    governed = govern(_blocking(status=status, body={}))
    answer = blocked(governed)
    assert (answer.status, answer.body) == (line, b"{}")
    [event] = events_of(recorder, "/blocked")
    assert event["response"]["status"] == int(line[:3])


@pytest.mark.parametrize("body", [{"a": 1}, [1], "text", 17, None, True, [], "é\ud800"], ids=ascii)
def test_any_body_is_sent_as_json(recorder: Recorder, govern: Govern, body: object) -> None:
    governed = govern(_blocking(body=body))
    answer = blocked(governed)
    assert answer.header("Content-Type") == ["application/json"]
    assert answer.header("Content-Length") == [str(len(answer.body))]
    [event] = events_of(recorder, "/blocked")
    assert event["response"]["transfer_encoding"] == "json"
    assert event["response"].get("body") == body


def test_rule_may_set_content_type_but_not_content_length(govern: Govern) -> None:
    headers = {"content-type": "application/problem+json", "Content-Length": "99", "Transfer-Encoding": "chunked"}
    answer = blocked(govern(_blocking(headers=headers, body={})))
    assert answer.header("Content-Type") == ["application/problem+json"]
    assert answer.header("Content-Length") == ["2"]
    assert answer.header("Transfer-Encoding") == []


def test_head_gets_content_length_without_body(recorder: Recorder, govern: Govern) -> None:
    answer = blocked(govern(_blocking(body={"a": 1})), "HEAD")
    assert answer.header("Content-Length") == ["8"]
    assert answer.body == b""
    [event] = events_of(recorder, "/blocked")
    assert "body" not in event["response"]


@pytest.mark.parametrize("status", [204, 304])
def test_status_without_body_has_none(govern: Govern, status: int) -> None:
    answer = blocked(govern(_blocking(status=status, headers={"Content-Type": "a/b", "X-A": "1"}, body={"a": 1})))
    assert answer.status.startswith(str(status))
    assert answer.body == b""
    assert [name for name, _ in answer.headers] == ["X-A", ID]


def test_event_names_user_company_and_rule(recorder: Recorder, govern: Govern) -> None:
    governed = govern(
        [rule(identifier="rule-17", regex_config=ON_BLOCKED, response={"headers": {"X-A": "é"}, "body": {"a": 1}})],
        IDENTIFY_USER=lambda *_arguments: "ann",
        IDENTIFY_COMPANY=lambda *_arguments: "acme",
        GET_METADATA=lambda _app, environ: {"headers": environ["moesif.response_headers"]["Content-Type"]},
        GET_SESSION_TOKEN=lambda *_arguments: "session",
    )
    answer = blocked(governed)
    [event] = events_of(recorder, "/blocked")
    assert event["blocked_by"] == "rule-17"
    assert (event["user_id"], event["company_id"], event["session_token"]) == ("ann", "acme", "session")
    assert event["metadata"] == {"headers": "application/json"}
    response = event["response"]
    assert (response["status"], response["body"], response["transfer_encoding"]) == (429, {"a": 1}, "json")
    # The server gets UTF-8 as Latin-1 text (PEP 3333), and the event has the real text.
    assert answer.header("X-A") == ["Ã©"]
    assert response["headers"]["X-A"] == "é"
    assert response["headers"][ID] == event["transaction_id"]
    request(governed, make_environ("GET", "/free"))
    [event] = events_of(recorder, "/free")
    assert "blocked_by" not in event


def test_skipped_call_is_blocked_but_not_recorded(recorder: Recorder, govern: Govern) -> None:
    skipped: list[str] = []

    def skip(_app: object, environ: Environ) -> bool:
        skipped.append(environ["PATH_INFO"])
        return bool(environ["PATH_INFO"] == "/blocked")

    governed = govern(_blocking(), SKIP=skip)
    before = moesif.stats()["skipped"]
    assert blocked(governed).status.startswith("429")
    assert moesif.stats()["skipped"] == before + 1
    assert "/blocked" in skipped
    request(governed, make_environ("GET", "/last"))
    events_of(recorder, "/last")
    assert not [event for event in recorder.events if event["request"]["uri"].endswith("/blocked")]


def _mask_everything(event: Any) -> Any:
    event.request.headers.clear()
    event.request.body = None
    return event


@pytest.mark.parametrize(
    "options",
    [
        {"LOG_BODY": False},
        {"MASK_EVENT_MODEL": _mask_everything},
        {"REQUEST_HEADER_MASKS": ["X-Plan"], "REQUEST_QUERY_MASKS": ["plan"], "REQUEST_BODY_MASKS": ["plan"]},
        {"DEBUG": True},
        {"DISABLED_TRANSACTION_ID": True},
    ],
    ids=lambda options: next(iter(options)),
)
def test_rules_see_the_call_without_masks(
    recorder: Recorder, govern: Govern, integration: str, options: dict[str, Any]
) -> None:
    restriction = when(**{"headers__X-Plan": "free", "uri": "plan=free", "body__plan": "free"})
    governed = govern([rule(regex_config=restriction)], {}, hello, **options)
    variables = {"HTTP_X_PLAN": "free", "QUERY_STRING": "plan=free"}
    answer = request(governed, make_environ("POST", "/blocked", b'{"plan": "free"}', **variables))
    assert answer.status == "402 Payment Required"
    assert bool(answer.header("X-Moesif-Wsgi-Pid")) is (integration == "WSGI" and "DEBUG" in options)
    assert bool(answer.header(ID)) is not bool(options.get("DISABLED_TRANSACTION_ID"))
    [event] = events_of(recorder, "/blocked")
    assert event["blocked_by"] == "r"


def test_sampled_out_call_is_blocked(govern: Govern) -> None:
    governed = govern(_blocking(), {"sample_rate": 0})
    before = moesif.stats()["sampled_out"]
    assert blocked(governed).status.startswith("429")
    assert moesif.stats()["sampled_out"] == before + 1


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("status", [200, 204, 304, 402])
def test_blocking_response_is_valid_wsgi(govern: Govern, status: int, method: str) -> None:
    governed = govern(_blocking(status=status, headers={"X-A": "1", "Content-Type": "a/b"}, body={"a": 1}))
    environ = make_environ(method, "/blocked")
    gateway = Gateway()
    result = validator(governed)(environ, gateway.start_response)
    assert (len(b"".join(result)) > 0) is (method == "GET" and status not in (204, 304))
    result.close()  # type: ignore[attr-defined]


@pytest.mark.only("WSGI")
def test_exception_of_start_response_propagates(recorder: Recorder, govern: Govern) -> None:
    governed = govern(_blocking())

    def refuse(*_arguments: object) -> Any:
        message = "not today"
        raise OSError(message)

    with pytest.raises(OSError, match="not today"):
        governed(make_environ("GET", "/blocked"), refuse)
    wait_until(lambda: bool(events_of(recorder, "/blocked")), "the event is there")
