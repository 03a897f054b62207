"""Callers are identified without side effects: no additional query beyond the lookup, no additional header.

docs/guarantees.md: I-12, I-25.
"""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session

import django

if TYPE_CHECKING:
    from tests.django.conftest import Project
    from tests.recorder import Recorder

BACKENDS = ["db", "cached_db", "cache", "file", "signed_cookies"]


def logged_in(client: Any) -> Any:
    assert client.login(username="ann", password="secret")
    return client


@pytest.fixture(params=["auto", "resolved"])
def mode(request: pytest.FixtureRequest) -> str:
    mode: str = request.param
    return mode


@pytest.fixture(params=["plain", "whoami", "session", "visit"])
def path(request: pytest.FixtureRequest) -> str:
    return f"/{request.param}"


def test_anonymous_call_costs_no_query_and_no_header(project: Project, queries: Any, mode: str, path: str) -> None:
    bare = project(middleware=settings.AROUND)
    with queries() as without:
        expected = bare.get(path)
    ours = project(DJANGO_USER=mode)
    with queries() as with_us:
        response = ours.get(path)
    assert len(with_us) == len(without)
    assert response.get("Vary", "") == expected.get("Vary", "")


def test_the_user_the_view_looked_at_costs_nothing_more(
    project: Project, recorder: Recorder, queries: Any, mode: str
) -> None:
    bare = logged_in(project(middleware=settings.AROUND))
    with queries() as without:
        expected = bare.get("/whoami")
    ours = logged_in(project(DJANGO_USER=mode))
    with queries() as with_us:
        response = ours.get("/whoami")
    assert json.loads(response.content) == {"user": "ann"}
    assert len(with_us) == len(without) == 2
    assert response.get("Vary") == expected.get("Vary") == "Cookie"
    (event,) = recorder.wait_for(1)
    assert event["user_id"] == "ann"


def test_user_the_view_did_not_access_is_found_without_side_effects(
    project: Project, recorder: Recorder, queries: Any
) -> None:
    ours = logged_in(project())
    with queries() as with_us:
        response = ours.get("/plain")
    # One query for the session and one for the user, as Django itself needs.
    assert len(with_us) == 2
    assert not response.has_header("Vary")
    assert not response.cookies
    (event,) = recorder.wait_for(1)
    assert event["user_id"] == "ann"


def test_a_session_the_view_has_loaded_is_not_loaded_again(project: Project, recorder: Recorder, queries: Any) -> None:
    ours = logged_in(project())
    with queries() as with_us:
        response = ours.get("/session")
    assert len(with_us) == 2
    assert response["Vary"] == "Cookie"
    (event,) = recorder.wait_for(1)
    assert event["user_id"] == "ann"


def test_resolved_looks_nothing_up(project: Project, recorder: Recorder, queries: Any) -> None:
    ours = logged_in(project(DJANGO_USER="resolved"))
    with queries() as with_us:
        response = ours.get("/plain")
    assert len(with_us) == 0
    assert not response.has_header("Vary")
    (event,) = recorder.wait_for(1)
    assert event.get("user_id") is None


def test_resolved_costs_no_query_and_no_header_anywhere(project: Project, queries: Any, path: str) -> None:
    bare = logged_in(project(middleware=settings.AROUND))
    with queries() as without:
        expected = bare.get(path)
    ours = logged_in(project(DJANGO_USER="resolved"))
    with queries() as with_us:
        response = ours.get(path)
    assert len(with_us) == len(without)
    assert (response.get("Vary"), list(response.cookies)) == (expected.get("Vary"), list(expected.cookies))


def test_a_user_who_logs_in_during_the_call_is_found(project: Project, recorder: Recorder) -> None:
    project(DJANGO_USER="resolved").post("/enter", {"username": "ann", "password": "secret"})
    (event,) = recorder.wait_for(1)
    assert event["user_id"] == "ann"


@pytest.mark.skipif(django.VERSION < (1, 10), reason="Django 1.9 does not verify the session")
def test_invalid_session_is_left_alone(project: Project, recorder: Recorder) -> None:
    """Accessing ``request.user`` would make Django delete it, but the view does not access it."""
    mallory = User.objects.create_user("mallory", password="old")
    try:
        client = project()
        assert client.login(username="mallory", password="old")
        key = client.cookies["sessionid"].value
        mallory.set_password("new")
        mallory.save()
        response = client.get("/plain")
        assert not response.cookies
        assert Session.objects.filter(session_key=key).exists()
        (event,) = recorder.wait_for(1)
        assert event.get("user_id") is None
    finally:
        mallory.delete()


@pytest.mark.parametrize("backend", BACKENDS)
def test_every_kind_of_session_has_its_user(project: Project, recorder: Recorder, backend: str) -> None:
    client = logged_in(project(django={"SESSION_ENGINE": f"django.contrib.sessions.backends.{backend}"}))
    response = client.get("/plain")
    assert not response.has_header("Vary")
    assert not response.cookies
    (event,) = recorder.wait_for(1)
    assert event["user_id"] == "ann"


def test_cookie_without_a_session_identifies_no_user(project: Project, recorder: Recorder) -> None:
    client = project()
    client.cookies["sessionid"] = "x" * 32
    response = client.get("/plain")
    assert not response.has_header("Vary")
    assert not response.cookies
    (event,) = recorder.wait_for(1)
    assert event.get("user_id") is None


def test_the_session_key_is_the_session_token(project: Project, recorder: Recorder) -> None:
    client = logged_in(project())
    client.get("/plain")
    (event,) = recorder.wait_for(1)
    assert event["session_token"] == client.cookies["sessionid"].value


def test_a_function_for_the_session_token_wins(project: Project, recorder: Recorder) -> None:
    logged_in(project(GET_SESSION_TOKEN=lambda _req, _res: "mine")).get("/plain")
    logged_in(project(GET_SESSION_TOKEN=lambda _req, _res: None)).get("/plain")
    first, second = recorder.wait_for(2)
    assert first["session_token"] == "mine"
    assert second.get("session_token") is None


def test_a_function_for_the_user_wins_and_then_nothing_is_looked_up(
    project: Project, recorder: Recorder, queries: Any
) -> None:
    ours = logged_in(project(IDENTIFY_USER=lambda _req, _res: "of the function"))
    with queries() as with_us:
        ours.get("/plain")
    assert len(with_us) == 0
    (event,) = recorder.wait_for(1)
    assert event["user_id"] == "of the function"


def test_the_authorization_header_comes_last(project: Project, recorder: Recorder) -> None:
    token = base64.urlsafe_b64encode(b'{"sub": "of the token"}').decode().rstrip("=")
    header = {"HTTP_AUTHORIZATION": f"Bearer e30.{token}.sig"}
    client = project()
    client.get("/plain", **header)
    logged_in(client).get("/plain", **header)
    events = recorder.wait_for(2)
    assert {event["user_id"] for event in events} == {"of the token", "ann"}


@pytest.mark.skipif(django.VERSION < (1, 10), reason="MIDDLEWARE_CLASSES accepts no functions")
def test_user_set_by_another_middleware_is_read(project: Project, recorder: Recorder) -> None:
    middleware = [*settings.AROUND, "tests.django.project.around.named", settings.OURS]
    response = logged_in(project(middleware=middleware)).get("/plain")
    assert not response.has_header("Vary")
    # Without a session cookie the user is not accessed.
    project(middleware=middleware).get("/plain")
    events = recorder.wait_for(2)
    assert sorted(event.get("user_id") or "" for event in events) == ["", "named otherwise"]


@pytest.mark.skipif(django.VERSION < (4, 1), reason="secrets can be replaced since Django 4.1")
def test_user_lookup_writes_nothing_into_the_session(project: Project, recorder: Recorder) -> None:
    """Accessing ``request.user`` would sign the session with the new secret, but the view does not access it."""
    from django.contrib.auth import HASH_SESSION_KEY

    client = logged_in(project(django={"SECRET_KEY": "old"}))
    key = client.cookies["sessionid"].value
    before = Session.objects.get(session_key=key).session_data
    signed = client.session[HASH_SESSION_KEY]
    renewed = project(django={"SECRET_KEY": "new", "SECRET_KEY_FALLBACKS": ["old"]})
    renewed.cookies["sessionid"] = key
    # The view writes into the session, so the whole session is saved.
    assert renewed.get("/visit").json() == {"visits": 1}
    assert Session.objects.get(session_key=key).session_data != before
    assert renewed.session[HASH_SESSION_KEY] == signed
    (event,) = recorder.wait_for(1)
    assert event["user_id"] == "ann"


@pytest.mark.parametrize("option", ["IDENTIFY_COMPANY", "GET_METADATA", "GET_SESSION_TOKEN", None])
def test_later_user_access_reuses_the_user_that_was_looked_up(
    project: Project, queries: Any, option: str | None
) -> None:
    """Functions of the settings and middlewares above ours access the user."""
    if option is None:
        client = project(middleware=[*settings.AROUND, "tests.django.project.around.looking", settings.OURS])
    else:
        options: dict[str, Any] = {option: lambda request, _response: {"user": request.user.username}}
        client = project(**options)
    assert client.login(username="ann", password="secret")
    with queries() as with_us:
        assert client.get("/plain").status_code == 200
    assert len(with_us) == 2
