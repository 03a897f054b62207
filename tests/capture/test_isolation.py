"""One user's data never reaches another (docs/guarantees.md, I-31)."""

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


def _assert_apart(events: list[Event], *others: str) -> None:
    """No event holds anything of a user but its own."""
    for event in events:
        text = json.dumps(event)
        owner = event["request"]["uri"].partition("?")[0].rpartition("/")[2]
        assert owner in text
        assert [other for other in (*USERS, *others) if other != owner and other in text] == []


def test_what_a_function_says_of_one_user_is_not_said_of_the_next(recorder: Recorder, wrap: Wrap) -> None:
    """A function that yields nothing, or raises, leaves a call without what it yielded for the one before."""

    def of(environ: Environ) -> str | None:
        user: str | None = environ.get("HTTP_X_USER")
        if user == "nobody":
            raise LookupError
        return user if user in USERS else None

    application = wrap(
        _echo,
        IDENTIFY_USER=lambda _app, environ, _headers: of(environ),
        IDENTIFY_COMPANY=lambda _app, environ, _headers: of(environ),
        GET_SESSION_TOKEN=lambda _app, environ: of(environ),
        GET_METADATA=lambda _app, environ: {"of": of(environ)} if of(environ) else None,
    )
    for user in ("ann", "somebody", "bob", "nobody", "ann", "nobody"):
        request(application, _environ(user))
    events = recorder.wait_for(6)
    _assert_apart(events, "somebody", "nobody")
    for event in events:
        owner = event["request"]["headers"]["X-User"]
        expected = owner if owner in USERS else None
        assert [event.get(name) for name in ("user_id", "company_id", "session_token")] == [expected] * 3
        assert event.get("metadata") == (None if expected is None else {"of": expected})


def test_objects_that_functions_keep_and_change_carry_nothing_over(recorder: Recorder, wrap: Wrap) -> None:
    kept: dict[str, Any] = {"seen": []}
    models: list[Any] = []

    def metadata(_app: object, environ: Environ) -> dict[str, Any]:
        # One dictionary for all users, as code that has never met a second thread writes it.
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
    _assert_apart(events, "of another call")
    assert [event["metadata"] for event in events] == [{"seen": [event["user_id"]]} for event in events]


def test_an_environ_that_serves_two_users_tells_the_second_nothing_of_the_first(recorder: Recorder, wrap: Wrap) -> None:
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
    _assert_apart(recorder.wait_for(2))


def test_users_whose_requests_overlap_in_every_step_stay_apart(recorder: Recorder, wrap: Wrap) -> None:
    meeting = threading.Barrier(len(USERS), timeout=30)

    def application(environ: Environ, start_response: Any) -> Iterator[bytes]:
        user = environ["HTTP_X_USER"]
        meeting.wait()
        body = environ["wsgi.input"].read()
        meeting.wait()
        write = start_response("200 OK", [("X-Secret", user)])
        meeting.wait()
        write(body[:5])
        for chunk in (body[5:9], body[9:]):
            meeting.wait()
            yield chunk

    def meet(_app: object, environ: Environ, *_headers: object) -> str:
        meeting.wait()
        user: str = environ["HTTP_X_USER"]
        return user

    wrapped = wrap(application, IDENTIFY_USER=meet, IDENTIFY_COMPANY=meet, GET_SESSION_TOKEN=meet)
    with ThreadPoolExecutor(len(USERS)) as clients:
        for _ in range(20):
            answers = list(clients.map(lambda user: request(wrapped, _environ(user)), USERS))
            assert [answer.header("X-Secret") for answer in answers] == [[user] for user in USERS]
            assert [answer.body for answer in answers] == [b'{"secret": "%s\'s"}' % user.encode() for user in USERS]
    events = recorder.wait_for(40)
    _assert_apart(events)
    for event in events:
        found = [event[name] for name in ("user_id", "company_id", "session_token")]
        assert found == [event["request"]["headers"]["X-User"]] * 3


@pytest.mark.parametrize("server", ["gunicorn-gthread", "gunicorn-gevent", "waitress"])
def test_users_of_one_server_and_one_connection_stay_apart(serve: Serve, recorder: Recorder, server: str) -> None:
    running = serve("echo:app", server, to=recorder)

    def visit(user: str) -> None:
        connection = running.connection()
        for _ in range(30):
            body = json.dumps({"secret": f"{user}'s"})
            connection.request("POST", f"/{user}", body, {"X-User": user, "X-Company": user})
            assert connection.getresponse().read() == body.encode()
        connection.close()

    with ThreadPoolExecutor(len(USERS)) as clients:
        list(clients.map(visit, USERS))
        # And one after the other on one connection, as a proxy would send them.
        connection = running.connection()
        for user in USERS * 10:
            connection.request("GET", f"/{user}", headers={"X-User": user})
            connection.getresponse().read()
        connection.close()
    events = recorder.wait_for(80)
    _assert_apart(events)
    assert all(event["user_id"] == event["request"]["headers"]["X-User"] for event in events)
