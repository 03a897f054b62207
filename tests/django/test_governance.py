"""Governance rules decide before the view, in every form of the middleware, without other side effects.

tests/governance checks the decisions for both middlewares. docs/guarantees.md: I-12, I-29.
"""

from __future__ import annotations

import asyncio
import json
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest
from django.conf import settings
from django.http import HttpResponse
from django.test import RequestFactory

import django
import moesif
from moesifdjango.middleware import moesif_middleware
from moesifdjango.middleware_pre19 import MoesifMiddlewarePre19
from tests.django.project.views import JOURNAL
from tests.django.test_capture import CACHED, cache
from tests.governance.rules import answer, events_of, rule, when
from tests.interruption import TOO_LATE, interrupt
from tests.remote.config import Config, wait_until

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.django.conftest import Project
    from tests.recorder import Recorder

ON_JOURNAL = when(route="^/journal$")
ID = "X-Moesif-Transaction-Id"


@pytest.fixture
def governed(project: Project, recorder: Recorder) -> Any:
    """Make a client of a project in which rules are in force."""

    def make(rules: list[Any], config: dict[str, Any] | None = None, **options: Any) -> Any:
        loaded = Config(**(config or {}))
        recorder.rules, recorder.config = answer(rules), loaded.answer
        client = project(**options)

        def is_in_force() -> bool:
            before = moesif.stats()["sampled_out"]
            called = client.get(loaded.probe)
            if asyncio.iscoroutine(called):
                asyncio.run(called)
            return moesif.stats()["sampled_out"] > before

        wait_until(is_in_force, "the configuration is in force")
        JOURNAL.clear()
        return client

    return make


def test_the_view_of_a_blocked_call_does_not_run(governed: Any, recorder: Recorder) -> None:
    response = {"status": 430, "headers": {"X-Reason": "quota"}, "body": {"no": "é"}}
    client = governed([rule(regex_config=ON_JOURNAL, response=response)])
    blocked = client.post("/journal", "{}", content_type="application/json")
    assert (blocked.status_code, json.loads(blocked.content.decode())) == (430, {"no": "é"})
    assert JOURNAL == []
    fields = dict(blocked.items())
    assert fields.pop(ID)
    assert fields == {
        "X-Reason": "quota",
        "Content-Type": "application/json",
        "Content-Length": str(len(blocked.content)),
    }
    [event] = events_of(recorder, "/journal")
    assert (event["blocked_by"], event["response"]["status"]) == ("r", 430)
    assert event["response"]["body"] == {"no": "é"}
    assert event["response"]["headers"]["X-Reason"] == "quota"
    assert client.get("/plain").status_code == 200


def test_blocked_answer_is_utf8_in_any_project_charset(governed: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    client = governed([rule(regex_config=ON_JOURNAL, response={"status": 430, "body": {"no": "é€"}})])
    monkeypatch.setattr(settings, "DEFAULT_CHARSET", "iso-8859-1")
    blocked = client.post("/journal", "{}", content_type="application/json")
    assert json.loads(blocked.content.decode()) == {"no": "é€"}
    assert dict(blocked.items())["Content-Length"] == str(len(blocked.content))


def test_rule_reads_the_body_and_the_view_still_reads_it(governed: Any) -> None:
    client = governed([rule(regex_config=when(body__query="secret"), response={"status": 403})])
    kind = {"content_type": "application/json"}
    assert client.post("/echo", '{"query": "secret"}', **kind).status_code == 403
    assert client.post("/echo", '{"query": "open"}', **kind).content == b'{"query": "open"}'
    assert json.loads(client.post("/reading", "twelve bytes", content_type="text/plain").content) == {
        "read": "twelve bytes",
        "body": "RawPostDataException",
    }
    assert client.post("/form", {"name": "ann"}).status_code == 200


def test_headers_of_rules_are_set_and_cookies_of_the_view_stay(governed: Any, recorder: Recorder) -> None:
    client = governed([rule(block=False, response={"headers": {"x-own": "rule", "X-New": "1", "Set-Cookie": "r=1"}})])
    response = client.get("/cookies")
    assert (response["X-Own"], response["X-New"]) == ("rule", "1")
    assert sorted(response.cookies) == ["a", "b"]
    [event] = events_of(recorder, "/cookies")
    headers = event["response"]["headers"]
    assert (headers["x-own"], headers["Set-Cookie"]) == ("rule", "r=1, a=1; Path=/, b=2; Path=/")


def test_a_stream_is_governed(governed: Any) -> None:
    client = governed([rule(block=False, response={"headers": {"X-Limit": "10"}})])
    response = client.get("/streaming")
    assert response["X-Limit"] == "10"
    assert b"".join(response.streaming_content) == b"chunk 0;chunk 1;chunk 2;"


QUOTA = rule("user", "quota", response={"status": 429, "body": {}})
OF_ANN = {"user_rules": {"ann": [{"rules": "quota"}]}}


def test_the_user_is_looked_up_before_the_view_for_rules_about_users(
    governed: Any, recorder: Recorder, queries: Any
) -> None:
    client = governed([QUOTA], OF_ANN)
    with queries() as anonymous:
        assert client.get("/plain").status_code == 200
    assert len(anonymous) == 0
    assert client.login(username="ann", password="secret")
    with queries() as with_us:
        blocked = client.get("/journal")
    assert (blocked.status_code, JOURNAL) == (429, [])
    assert len(with_us) == 2
    assert not blocked.has_header("Vary")
    [event] = events_of(recorder, "/journal")
    assert (event["user_id"], event["blocked_by"]) == ("ann", "quota")


def test_anonymous_session_is_looked_up_once(governed: Any, queries: Any) -> None:
    client = governed([QUOTA], OF_ANN)
    session = client.session
    session["basket"] = 1
    session.save()
    client.cookies["sessionid"] = session.session_key
    with queries() as with_us:
        assert client.get("/plain").status_code == 200
    assert len(with_us) == 1


def test_resolved_finds_no_user_before_the_view(governed: Any, queries: Any) -> None:
    client = governed([QUOTA], OF_ANN, DJANGO_USER="resolved")
    assert client.login(username="ann", password="secret")
    with queries() as with_us:
        assert client.get("/plain").status_code == 200
    assert len(with_us) == 0


def test_functions_get_none_as_response_before_the_view(governed: Any) -> None:
    asked: list[tuple[str, bool]] = []

    def user(request: Any, response: Any) -> str:
        asked.append((request.path, response is None))
        return "ann"

    client = governed([QUOTA], OF_ANN, IDENTIFY_USER=user)
    asked.clear()
    assert client.get("/journal").status_code == 429
    assert asked == [("/journal", True)]


@pytest.mark.skipif(django.VERSION < (3, 1), reason="asynchronous stacks come with Django 3.1")
def test_an_asynchronous_stack_is_governed(governed: Any, recorder: Recorder) -> None:
    from django.test import AsyncClient

    async def user(_request: Any, _response: Any) -> str:
        await asyncio.sleep(0)
        return "ann"

    client = governed([QUOTA], OF_ANN, client=AsyncClient, middleware=[settings.OURS], IDENTIFY_USER=user)
    blocked = asyncio.run(client.get("/journal"))
    assert (blocked.status_code, JOURNAL) == (429, [])
    [event] = events_of(recorder, "/journal")
    assert event["blocked_by"] == "quota"


@pytest.mark.skipif(django.VERSION < (3, 1), reason="asynchronous stacks come with Django 3.1")
def test_rules_apply_to_a_user_that_is_read_in_a_thread(governed: Any) -> None:
    from django.test import AsyncClient, Client

    login = Client()
    assert login.login(username="ann", password="secret")
    client = governed([QUOTA], OF_ANN, client=AsyncClient, IDENTIFY_USER=lambda request, _response: request.user)
    client.cookies["sessionid"] = login.cookies["sessionid"].value
    blocked = asyncio.run(client.get("/journal"))
    assert (blocked.status_code, JOURNAL) == (429, [])


@pytest.mark.skipif(django.VERSION < (5, 0), reason="auser() comes with Django 5.0")
def test_an_asynchronous_stack_looks_the_user_up_before_the_view(governed: Any) -> None:
    from django.test import AsyncClient, Client

    login = Client()
    assert login.login(username="ann", password="secret")
    client = governed([QUOTA], OF_ANN, client=AsyncClient)
    client.cookies["sessionid"] = login.cookies["sessionid"].value
    blocked = asyncio.run(client.get("/journal"))
    assert (blocked.status_code, JOURNAL) == (429, [])
    assert not blocked.has_header("Vary")


def test_the_old_middleware_answers_before_the_view(governed: Any, recorder: Recorder) -> None:
    governed([rule(regex_config=ON_JOURNAL)])
    middleware = MoesifMiddlewarePre19()
    request = RequestFactory().get("/journal")
    blocked = middleware.process_request(request)
    assert blocked is not None
    assert blocked.status_code == 402
    assert middleware.process_response(request, blocked).has_header(ID)
    [event] = events_of(recorder, "/journal")
    assert event["blocked_by"] == "r"


class Asked:
    """Names of the functions that were called, in order. ``IDENTIFY_USER`` does not return."""

    def __init__(self, user: Any) -> None:
        self.order: list[str] = []
        self.options: dict[str, Any] = {
            "SKIP": lambda *_both: self.order.append("skip"),
            "IDENTIFY_USER": user,
            "IDENTIFY_COMPANY": lambda *_both: self.order.append("company"),
            "MASK_EVENT_MODEL": self.mask,
        }
        self.is_armed = False

    def mask(self, event: Any) -> Any:
        self.order.append("mask")
        return event


@pytest.mark.skipif(django.VERSION < (3, 1), reason="asynchronous stacks come with Django 3.1")
@pytest.mark.parametrize("how", ["time limit", "time limit while awaiting", "cancelled", "exit"])
def test_function_interrupted_before_an_asynchronous_view_is_not_called_again(
    governed: Any, recorder: Recorder, how: str
) -> None:
    from django.test import AsyncClient

    async def user(_request: Any, _response: Any) -> None:
        asked.order.append("user")
        if not asked.is_armed:
            return
        if how == "cancelled":
            asyncio.current_task().cancel()  # type: ignore[union-attr] # a task runs this
        if how == "exit":
            raise SystemExit
        if how == "time limit while awaiting":
            await asyncio.sleep(0)
        if how != "cancelled":
            interrupt()
        await asyncio.sleep(60)

    asked = Asked(user)
    client = governed([QUOTA], OF_ANN, client=AsyncClient, middleware=[settings.OURS], **asked.options)
    asked.order.clear()
    asked.is_armed = True
    if how.startswith("time limit"):
        # Django turns the exception into a response, as it does for a view.
        client.raise_request_exception = False
        assert asyncio.run(client.get("/journal")).status_code == 500
    else:
        with pytest.raises(asyncio.CancelledError if how == "cancelled" else SystemExit):
            asyncio.run(client.get("/journal"))
    assert (asked.order, JOURNAL) == (["user"], [])
    [event] = events_of(recorder, "/journal")
    assert (event.get("response") or {}).get("status") == (None if how == "cancelled" else 500)
    assert not event["request"]["headers"]


def test_function_interrupted_in_the_old_middleware_is_not_called_again(governed: Any, recorder: Recorder) -> None:
    def user(*_both: Any) -> None:
        asked.order.append("user")
        if asked.is_armed:
            interrupt()

    asked = Asked(user)
    governed([QUOTA], OF_ANN, **asked.options)
    middleware = MoesifMiddlewarePre19()
    request = RequestFactory().get("/journal")
    asked.order.clear()
    asked.is_armed = True
    with pytest.raises(TimeoutError, match=TOO_LATE):
        middleware.process_request(request)
    # Django makes a response of the exception, and passes it to the middleware.
    assert middleware.process_response(request, HttpResponse(status=500)).has_header(ID)
    assert asked.order == ["user"]
    [event] = events_of(recorder, "/journal")
    assert event["response"]["status"] == 500
    assert not event["request"]["headers"]


@pytest.mark.parametrize("leaves", [interrupt, sys.exit])
def test_event_is_sampled_once_if_its_mask_is_interrupted(
    governed: Any, recorder: Recorder, leaves: Callable[[], object]
) -> None:
    masked: list[str] = []

    def mask(event: Any) -> Any:
        if event.request.uri.endswith("/plain"):
            masked.append(event.request.uri)
            leaves()
        return event

    governed([], {"sample_rate": 50}, MASK_EVENT_MODEL=mask)
    middleware = moesif_middleware(lambda _request: HttpResponse("ok"))
    before = moesif.stats()["sampled_out"]
    calls = 0
    while len(masked) < 20:
        with suppress(TimeoutError, SystemExit):
            middleware(RequestFactory().get("/plain"))
        calls += 1
    assert moesif.stats()["sampled_out"] - before == calls - len(masked)
    assert [event["weight"] for event in events_of(recorder, "/plain", len(masked))] == [2] * len(masked)


def test_skip_leaves_the_event_out_but_not_the_block(governed: Any) -> None:
    client = governed([rule(regex_config=ON_JOURNAL)], SKIP=lambda request, _response: request.path == "/journal")
    before = moesif.stats()["skipped"]
    assert client.get("/journal").status_code == 402
    assert moesif.stats()["skipped"] == before + 1


OF_OTHERS = {"user_rules": {"bob": [{"rules": "quota"}]}}


def test_view_reuses_the_user_found_for_the_rules(governed: Any, queries: Any) -> None:
    client = governed([QUOTA], OF_OTHERS)
    assert client.login(username="ann", password="secret")
    with queries() as with_us:
        looked = client.get("/whoami")
    assert (json.loads(looked.content), looked["Vary"]) == ({"user": "ann"}, "Cookie")
    assert len(with_us) == 2
    with queries() as with_us:
        counted = client.get("/session")
    assert (json.loads(counted.content), counted["Vary"]) == ({"visits": 0}, "Cookie")
    assert len(with_us) == 2
    assert json.loads(client.get("/visit").content) == {"visits": 1}
    assert json.loads(client.get("/visit").content) == {"visits": 2}
    assert client.get("/whoami").status_code == 200


@pytest.mark.skipif(django.VERSION < (5, 0), reason="auser() comes with Django 5.0")
def test_async_view_reuses_the_user_found_for_the_rules(governed: Any, selects: Any) -> None:
    from django.test import AsyncClient, Client

    login = Client()
    assert login.login(username="ann", password="secret")
    client = governed([QUOTA], OF_OTHERS, client=AsyncClient, django={"DEBUG": True})
    client.cookies["sessionid"] = login.cookies["sessionid"].value
    before = selects()
    looked = asyncio.run(client.get("/awhoami"))
    assert (json.loads(looked.content), looked["Vary"]) == ({"user": "ann"}, "Cookie")
    assert selects() == before + 2


def test_user_changed_before_the_view_is_not_replaced(governed: Any) -> None:
    client = governed(
        [QUOTA], OF_OTHERS, middleware=[*settings.AROUND, settings.OURS, "tests.django.project.around.leaving"]
    )
    assert client.login(username="ann", password="secret")
    assert json.loads(client.get("/whoami").content) == {"user": ""}


def test_function_without_result_before_the_view_is_called_again_after_it(governed: Any, recorder: Recorder) -> None:
    def user(_request: Any, response: Any) -> str | None:
        return None if response is None else "of the response"

    client = governed([QUOTA], OF_OTHERS, IDENTIFY_USER=user)
    assert client.login(username="ann", password="secret")
    assert client.get("/plain").status_code == 200
    [event] = events_of(recorder, "/plain")
    assert event["user_id"] == "of the response"


def test_function_failing_before_and_after_the_view_is_logged_for_both(
    governed: Any, caplog: pytest.LogCaptureFixture
) -> None:
    def user(_request: Any, response: Any) -> str:
        return str(response.nothing)

    client = governed([QUOTA], OF_OTHERS, IDENTIFY_USER=user)
    for _ in range(2):
        assert client.get("/plain").status_code == 200
    logged = sorted(record.getMessage() for record in caplog.records if record.name == "moesif.callbacks")
    assert len(logged) == 2
    assert "before the application was called" in logged[0]
    assert "recorded without its result" in logged[1]


@pytest.mark.parametrize("reads", ["tests.django.project.around.reading", None])
def test_a_rule_sees_a_body_that_was_read_before_it(governed: Any, reads: str | None) -> None:
    """A middleware above ours or a function has read the body."""

    def user(request: Any, _response: Any) -> str:
        assert request.body
        return "ann"

    both = rule("user", "quota", response={"status": 429, "body": {}}, regex_config=when(body__query="secret"))
    listed = [*([reads] if reads else []), *settings.AROUND, settings.OURS]
    client = governed([both], OF_ANN, middleware=listed, IDENTIFY_USER=user)
    kind = {"content_type": "application/json"}
    assert client.post("/echo", '{"query": "secret"}', **kind).status_code == 429
    assert client.post("/echo", '{"query": "open"}', **kind).content == b'{"query": "open"}'


def test_rule_headers_do_not_stay_on_a_reused_response(governed: Any) -> None:
    yours = rule(
        "user",
        "yours",
        block=False,
        variables=[{"name": "0"}],
        response={"headers": {"X-For": "{{0}}", "X-Own": "of the rule"}},
    )
    config = {"user_rules": {"ann": [{"rules": "yours", "values": {"0": "ann"}}]}}
    governed([yours], config, IDENTIFY_USER=lambda request, _response: request.GET.get("user"))
    response = HttpResponse("ok")
    response["X-Own"] = "of the view"
    middleware = moesif_middleware(lambda _request: response)
    get = RequestFactory().get

    def is_governed() -> bool:
        return bool(middleware(get("/?user=ann")).get("X-For") == "ann")

    wait_until(is_governed, "the rule is in force")
    assert response["X-Own"] == "of the rule"
    anonymous = middleware(get("/"))
    assert ("X-For" in anonymous, anonymous["X-Own"]) == (False, "of the view")


YOURS = rule("user", "yours", block=False, variables=[{"name": "0"}], response={"headers": {"X-For": "{{0}}"}})
OF_ANNS_PLAN = {"user_rules": {"ann": [{"rules": "yours", "values": {"0": "ann"}}]}}


@pytest.mark.parametrize("disabled", [True, False])
def test_rule_headers_of_one_user_do_not_reach_another_through_a_cache(governed: Any, *, disabled: bool) -> None:
    def user(request: Any, _response: Any) -> str | None:
        name: str | None = request.META.get("HTTP_X_USER")
        return name

    client = governed(
        [YOURS],
        OF_ANNS_PLAN,
        middleware=CACHED,
        django=cache(f"rules {disabled}"),
        IDENTIFY_USER=user,
        DISABLE_TRANSACTION_ID=disabled,
    )
    assert [client.get("/plain", HTTP_X_USER=name).get("X-For") for name in ("ann", "bob", "")] == ["ann", None, None]


@pytest.mark.parametrize("read", ["POST", "body", "read"])
@pytest.mark.parametrize("rules", [[QUOTA], [QUOTA, rule(regex_config=when(body__query="secret"))]])
def test_body_read_by_a_function_before_the_view_is_readable_in_the_view(
    governed: Any, recorder: Recorder, read: str, rules: list[Any]
) -> None:
    found: list[object] = []

    def look(request: Any, response: Any) -> str | None:
        if response is None:
            found.append(request.read() if read == "read" else getattr(request, read))
        return None

    client = governed(rules, OF_OTHERS, IDENTIFY_USER=look)
    found.clear()
    assert client.post("/echo", '{"a": 1}', content_type="application/json").content == b'{"a": 1}'
    sent = json.loads(client.post("/form", {"name": "ann"}).content)
    assert sent["fields"] == {"name": "ann"}
    assert json.loads(client.post("/reading", b"twelve bytes", content_type="text/plain").content) == {
        "read": "twelve bytes",
        "body": "RawPostDataException",
    }
    assert len(found) == 3
    if read != "POST":
        assert (found[0], found[2]) == (b'{"a": 1}', b"twelve bytes")
    [event] = events_of(recorder, "/echo")
    assert event["request"]["body"] == {"a": 1}


def test_above_the_authentication_middleware_users_are_found_after_the_view(governed: Any, recorder: Recorder) -> None:
    client = governed([QUOTA], OF_OTHERS, middleware=[settings.OURS, *settings.AROUND])
    assert client.login(username="ann", password="secret")
    assert client.get("/plain").status_code == 200
    [event] = events_of(recorder, "/plain")
    assert event["user_id"] == "ann"


@pytest.mark.skipif(django.VERSION < (3, 1), reason="asynchronous stacks come with Django 3.1")
@pytest.mark.parametrize("identifies", [True, False])
def test_a_rule_sees_a_body_that_came_in_chunks_to_an_asynchronous_server(governed: Any, *, identifies: bool) -> None:
    from django.core.handlers.asgi import ASGIHandler

    look = {"IDENTIFY_USER": lambda request, _response: json.loads(request.body.decode())["user"]}
    governed([rule(regex_config=when(body__query="secret"))], **(look if identifies else {}))
    handler = ASGIHandler()

    async def post(body: bytes) -> int:
        received = [{"type": "http.request", "body": body, "more_body": False}]
        sent: list[dict[str, Any]] = []

        async def receive() -> Any:
            if not received:
                await asyncio.Event().wait()
            return received.pop()

        async def send(message: dict[str, Any]) -> None:
            sent.append(message)

        fields = [(b"host", b"testserver"), (b"transfer-encoding", b"chunked"), (b"content-type", b"application/json")]
        scope = {"type": "http", "method": "POST", "path": "/echo", "query_string": b"", "headers": fields}
        await handler({**scope, "asgi": {"version": "3.0"}, "scheme": "http", "http_version": "1.1"}, receive, send)
        return int(sent[0]["status"])

    assert asyncio.run(post(b'{"query": "secret", "user": "ann"}')) == 402
    assert asyncio.run(post(b'{"query": "open", "user": "ann"}')) == 200
