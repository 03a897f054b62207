"""Data of one user never appears in an event of another (docs/guarantees.md, I-31)."""

from __future__ import annotations

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from tests.gateway import Environ, make_environ, request

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.conftest import Serve, Wrap
    from tests.recorder import Event, Recorder

USERS = ("ann", "bob")


def _environ(user: str | None, body: bytes | None = None) -> Environ:
    body = json.dumps({"secret": f"{user}'s"}).encode() if body is None else body
    return make_environ("POST", f"/{user}", body, HTTP_X_USER=user, QUERY_STRING=f"secret={user}")


def _echo(environ: Environ, start_response: Any) -> list[bytes]:
    body: bytes = environ["wsgi.input"].read()
    start_response("200 OK", [("Content-Type", "application/json"), ("X-Secret", environ.get("HTTP_X_USER") or "")])
    return [body]


def _assert_not_mixed(events: list[Event], *others: str) -> None:
    """Assert that an event contains nothing of another user."""
    for event in events:
        text = json.dumps(event)
        owner = event["request"]["uri"].partition("?")[0].rpartition("/")[2]
        assert owner in text
        assert [other for other in (*USERS, *others) if other != owner and other in text] == []


def test_results_of_functions_are_not_kept_for_the_next_user(recorder: Recorder, wrap: Wrap) -> None:
    """If a function returns nothing or raises, the event does not get the result of the call before."""

    def known_user(environ: Environ) -> str | None:
        user: str | None = environ.get("HTTP_X_USER")
        if user == "nobody":
            raise LookupError
        return user if user in USERS else None

    application = wrap(
        _echo,
        IDENTIFY_USER=lambda _app, environ, _headers: known_user(environ),
        IDENTIFY_COMPANY=lambda _app, environ, _headers: known_user(environ),
        GET_SESSION_TOKEN=lambda _app, environ: known_user(environ),
        GET_METADATA=lambda _app, environ: {"of": known_user(environ)} if known_user(environ) else None,
    )
    for user in ("ann", "somebody", "bob", "nobody", "ann", "nobody"):
        request(application, _environ(user))
    events = recorder.wait_for(6)
    _assert_not_mixed(events, "somebody", "nobody")
    for event in events:
        owner = event["request"]["headers"]["X-User"]
        expected = owner if owner in USERS else None
        assert [event.get(name) for name in ("user_id", "company_id", "session_token")] == [expected] * 3
        assert event.get("metadata") == (None if expected is None else {"of": expected})


def test_objects_that_functions_keep_and_change_do_not_affect_other_events(recorder: Recorder, wrap: Wrap) -> None:
    kept: dict[str, Any] = {"seen": []}
    models: list[Any] = []

    def metadata(_app: object, environ: Environ) -> dict[str, Any]:
        # One dictionary for all users, as code that was never used with threads does it.
        kept["seen"] = [environ["HTTP_X_USER"]]
        return kept

    def mask(event: Any) -> Any:
        for model in models:
            assert model.request.headers is not event.request.headers
            model.request.headers["X-Late"] = model.user_id = "of another call"
            model.request.body["late"] = model.response.headers["X-Late"] = "of another call"
        models.append(event)
        return event

    application = wrap(
        _echo,
        GET_METADATA=metadata,
        MASK_EVENT_MODEL=mask,
        IDENTIFY_USER=lambda _app, environ, _headers: environ["HTTP_X_USER"],
    )
    for _ in range(5):
        for user in USERS:
            request(application, _environ(user))
    events = recorder.wait_for(10)
    _assert_not_mixed(events, "of another call")
    assert [event["metadata"] for event in events] == [{"seen": [event["user_id"]]} for event in events]


def test_reused_environ_keeps_nothing_of_the_first_user(recorder: Recorder, wrap: Wrap) -> None:
    seen: list[str] = []

    def metadata(_app: object, environ: Environ) -> None:
        seen.append(repr({name: value for name, value in environ.items() if name.startswith("moesif.")}))

    application = wrap(_echo, GET_METADATA=metadata)
    environ = _environ("ann")
    request(application, environ)
    later = _environ("bob", b"")
    environ.update(later)
    request(application, environ)
    assert "ann" in seen[0]
    assert "ann" not in seen[1]
    _assert_not_mixed(recorder.wait_for(2))


def test_users_do_not_mix_when_every_step_overlaps(recorder: Recorder, wrap: Wrap) -> None:
    all_here = threading.Barrier(len(USERS), timeout=30)

    def application(environ: Environ, start_response: Any) -> Iterator[bytes]:
        user = environ["HTTP_X_USER"]
        all_here.wait()
        body = environ["wsgi.input"].read()
        all_here.wait()
        write = start_response("200 OK", [("X-Secret", user)])
        all_here.wait()
        write(body[:5])
        for chunk in (body[5:9], body[9:]):
            all_here.wait()
            yield chunk

    def wait_for_all(_app: object, environ: Environ, *_headers: object) -> str:
        all_here.wait()
        user: str = environ["HTTP_X_USER"]
        return user

    wrapped = wrap(
        application, IDENTIFY_USER=wait_for_all, IDENTIFY_COMPANY=wait_for_all, GET_SESSION_TOKEN=wait_for_all
    )
    with ThreadPoolExecutor(len(USERS)) as clients:
        for _ in range(20):
            answers = list(clients.map(lambda user: request(wrapped, _environ(user)), USERS))
            assert [answer.header("X-Secret") for answer in answers] == [[user] for user in USERS]
            assert [answer.body for answer in answers] == [b'{"secret": "%s\'s"}' % user.encode() for user in USERS]
    events = recorder.wait_for(40)
    _assert_not_mixed(events)
    for event in events:
        found = [event[name] for name in ("user_id", "company_id", "session_token")]
        assert found == [event["request"]["headers"]["X-User"]] * 3


@pytest.mark.parametrize("server", ["gunicorn-gthread", "gunicorn-gevent", "waitress"])
def test_users_do_not_mix_on_one_server_and_one_connection(serve: Serve, recorder: Recorder, server: str) -> None:
    running = serve("echo:app", server, to=recorder)

    def send_requests(user: str) -> None:
        connection = running.connection()
        for _ in range(30):
            body = json.dumps({"secret": f"{user}'s"})
            connection.request("POST", f"/{user}", body, {"X-User": user, "X-Company": user})
            assert connection.getresponse().read() == body.encode()
        connection.close()

    with ThreadPoolExecutor(len(USERS)) as clients:
        list(clients.map(send_requests, USERS))
        # Also one after the other on one connection, as a proxy sends them.
        connection = running.connection()
        for user in USERS * 10:
            connection.request("GET", f"/{user}", headers={"X-User": user})
            connection.getresponse().read()
        connection.close()
    events = recorder.wait_for(80)
    _assert_not_mixed(events)
    assert all(event["user_id"] == event["request"]["headers"]["X-User"] for event in events)
