"""Calls of a Django project are recorded completely, and responses are the same as without the middleware.

docs/guarantees.md: I-6, I-12, I-13, I-19, I-27.
"""

from __future__ import annotations

import json
import threading
from typing import TYPE_CHECKING, Any

import pytest
from django.conf import settings
from django.http import HttpResponse
from django.template import engines
from django.template.response import SimpleTemplateResponse
from django.test import RequestFactory

import django
from moesifdjango.middleware import moesif_middleware

if TYPE_CHECKING:
    from tests.django.conftest import Project
    from tests.recorder import Recorder


def test_a_call_is_recorded_whole(project: Project, recorder: Recorder) -> None:
    client = project()
    response = client.post(
        "/echo?page=2",
        json.dumps({"a": 1}),
        content_type="application/json",
        HTTP_X_API_KEY="k",
        REMOTE_ADDR="10.0.0.9",
    )
    assert response.status_code == 200
    (event,) = recorder.wait_for(1)
    request, answer = event["request"], event["response"]
    assert request["uri"] == "http://testserver/echo?page=2"
    assert request["verb"] == "POST"
    assert request["body"] == {"a": 1}
    assert request["transfer_encoding"] == "json"
    assert request["headers"]["X-Api-Key"] == "k"
    assert request["headers"]["Content-Type"] == "application/json"
    assert request["ip_address"] == "10.0.0.9"
    assert answer["status"] == 200
    assert answer["body"] == {"a": 1}
    assert answer["headers"]["Content-Type"] == "application/json"
    assert event["direction"] == "Incoming"
    assert response["X-Moesif-Transaction-Id"] == event["transaction_id"]
    assert event.get("user_id") is None


def test_responses_differ_by_one_header_only(project: Project) -> None:
    bare = project(middleware=[]).get("/cookies")
    ours = project().get("/cookies")
    without = {name: value for name, value in ours.items() if name != "X-Moesif-Transaction-Id"}
    assert without == dict(bare.items())
    assert len(dict(ours.items())) == len(dict(bare.items())) + 1
    assert ours.content == bare.content
    assert ours.cookies.output() == bare.cookies.output()


DOCUMENTED = [
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "moesifdjango.middleware.moesif_middleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]


@pytest.mark.skipif(django.VERSION < (1, 10), reason="the documented list is that of later Djangos")
@pytest.mark.parametrize("path", ["/plain", "/echo", "/cookies", "/session", "/whoami", "/failing", "/nowhere"])
def test_the_documented_list_of_middlewares_works(project: Project, recorder: Recorder, path: str) -> None:
    def answer(middleware: list[str]) -> Any:
        response = project(middleware=middleware).post(path, '{"a": 1}', content_type="application/json")
        fields = {name: value for name, value in response.items() if name != "X-Moesif-Transaction-Id"}
        return response.status_code, fields, response.content, response.cookies.output()

    assert answer(DOCUMENTED) == answer([name for name in DOCUMENTED if "moesif" not in name])
    (event,) = recorder.wait_for(1)
    # Headers set by middlewares below ours are recorded.
    assert event["response"]["headers"]["X-Frame-Options"]


def test_cookies_are_recorded_as_they_are_sent(project: Project, recorder: Recorder) -> None:
    project().get("/cookies")
    (event,) = recorder.wait_for(1)
    assert event["response"]["headers"]["Set-Cookie"] == "a=1; Path=/, b=2; Path=/"
    assert event["response"]["headers"]["X-Own"] == "yes"


def test_transaction_id_set_by_the_view_stays(project: Project) -> None:
    assert project().get("/own_id")["X-Moesif-Transaction-Id"] == "its-own"


def test_transaction_id_of_the_client_is_returned(project: Project, recorder: Recorder) -> None:
    response = project().get("/plain", HTTP_X_MOESIF_TRANSACTION_ID="of-the-client")
    assert response["X-Moesif-Transaction-Id"] == "of-the-client"
    (event,) = recorder.wait_for(1)
    assert event["transaction_id"] != "of-the-client"


def test_no_transaction_id_when_switched_off(project: Project) -> None:
    for client in (project(DISABLE_TRANSACTION_ID=True), project(DISABLED_TRANSACTION_ID=True)):
        assert not client.get("/plain").has_header("X-Moesif-Transaction-Id")


def test_a_view_that_raises_is_recorded_with_the_response_django_makes(project: Project, recorder: Recorder) -> None:
    response = project().get("/failing")
    assert response.status_code == 500
    (event,) = recorder.wait_for(1)
    assert event["response"]["status"] == 500
    assert "Server Error" in _text(event["response"])


@pytest.mark.skipif(
    django.VERSION < (1, 10), reason="old-style middlewares do not see exceptions that Django passes on"
)
def test_exception_passed_on_by_django_stays_the_same_object(project: Project, recorder: Recorder) -> None:
    client = project(django={"DEBUG_PROPAGATE_EXCEPTIONS": True})
    with pytest.raises(ValueError, match="the view fails"):
        client.get("/failing")
    (event,) = recorder.wait_for(1)
    assert event["response"]["status"] == 500


def test_permission_denied_is_recorded_with_the_response_django_makes(project: Project, recorder: Recorder) -> None:
    assert project().get("/refusing").status_code == 403
    (event,) = recorder.wait_for(1)
    assert event["response"]["status"] == 403


def test_template_response_stays_unrendered(project: Project, recorder: Recorder) -> None:
    project()
    template = engines["django"].from_string("hello {{ name }}")
    response = SimpleTemplateResponse(template, {"name": "ann"})
    assert moesif_middleware(lambda _request: response)(RequestFactory().get("/")) is response
    assert not response.is_rendered
    (event,) = recorder.wait_for(1)
    assert (event["response"]["status"], event["response"].get("body")) == (200, None)


def test_a_path_without_a_view_is_recorded(project: Project, recorder: Recorder) -> None:
    assert project().get("/nowhere").status_code == 404
    (event,) = recorder.wait_for(1)
    assert event["response"]["status"] == 404


def test_get_host_is_never_called(project: Project, recorder: Recorder) -> None:
    client = project(django={"ALLOWED_HOSTS": ["example.com"]})
    assert client.get("/plain", HTTP_HOST="evil.example.org").status_code == 200
    (event,) = recorder.wait_for(1)
    assert event["request"]["uri"] == "http://evil.example.org/plain"


def test_scheme_follows_secure_proxy_ssl_header(project: Project, recorder: Recorder) -> None:
    client = project(django={"SECURE_PROXY_SSL_HEADER": ("HTTP_X_FORWARDED_PROTO", "https")})
    client.get("/plain", HTTP_X_FORWARDED_PROTO="https", HTTP_HOST="api.example.com")
    (event,) = recorder.wait_for(1)
    assert event["request"]["uri"] == "https://api.example.com/plain"


def test_invalid_proxy_setting_is_reported_by_django_only(project: Project, recorder: Recorder) -> None:
    client = project(django={"SECURE_PROXY_SSL_HEADER": "nonsense"}, middleware=None)
    assert client.get("/plain").status_code == 200
    (event,) = recorder.wait_for(1)
    assert event["request"]["uri"] == "http://testserver/plain"


def test_odd_paths_and_queries_are_recorded_as_valid_uris(project: Project, recorder: Recorder) -> None:
    client = project()
    client.get("/where?q=%E4%F6&x=a b")
    client.get("/caf%C3%A9")
    events = recorder.wait_for(2)
    uris = sorted(event["request"]["uri"] for event in events)
    assert uris[0] == "http://testserver/caf%C3%A9"
    assert uris[1].startswith("http://testserver/where?q=%E4%F6&x=a")
    assert " " not in uris[1]


def test_without_log_body_no_body_is_recorded(project: Project, recorder: Recorder) -> None:
    project(LOG_BODY=False).post("/echo", "{}", content_type="application/json")
    (event,) = recorder.wait_for(1)
    assert event["request"].get("body") is None
    assert event["response"].get("body") is None


def test_masked_headers_and_keys_are_not_sent(project: Project, recorder: Recorder) -> None:
    client = project(
        REQUEST_HEADER_MASKS=["x-secret"],
        RESPONSE_HEADER_MASKS=["x-own"],
        REQUEST_BODY_MASKS=["password"],
        RESPONSE_BODY_MASKS=["password"],
    )
    body = json.dumps({"deep": {"password": "1", "kept": 2}})
    response = client.post("/echo", body, content_type="application/json", HTTP_X_SECRET="s")
    assert response.content.decode() == body
    client.get("/cookies")
    events = recorder.wait_for(2)
    event = next(event for event in events if event["request"]["verb"] == "POST")
    assert event["request"]["body"] == {"deep": {"kept": 2}}
    assert event["response"]["body"] == {"deep": {"kept": 2}}
    assert "X-Secret" not in event["request"]["headers"]
    assert all("X-Own" not in event["response"]["headers"] for event in events)


def test_masked_query_parameters_are_not_sent(project: Project, recorder: Recorder) -> None:
    project(REQUEST_QUERY_MASKS=["token"]).get("/plain?token=s3cr3t&page=2")
    (event,) = recorder.wait_for(1)
    assert event["request"]["uri"] == "http://testserver/plain?page=2"


def test_threads_share_a_middleware(project: Project, recorder: Recorder) -> None:
    project(IDENTIFY_USER=lambda request, _response: request.path)
    middleware = moesif_middleware(lambda request: HttpResponse(request.body))
    failures: list[BaseException] = []

    def call(thread: int) -> None:
        try:
            for number in range(20):
                body = json.dumps({"of": [thread, number]})
                request = RequestFactory().post(f"/{thread}/{number}", body, content_type="application/json")
                assert middleware(request).content.decode() == body
        except BaseException as error:  # noqa: BLE001 - any exception is a failure
            failures.append(error)

    threads = [threading.Thread(target=call, args=(number,)) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    for event in recorder.wait_for(16 * 20):
        thread, number = event["request"]["body"]["of"]
        assert event["user_id"] == f"/{thread}/{number}"
        assert event["response"]["body"] == event["request"]["body"]


def test_compressed_responses_are_recorded_decoded(project: Project, recorder: Recorder) -> None:
    gzip = "django.middleware.gzip.GZipMiddleware"
    document = {"text": "long enough to be worth it " * 40}
    for middleware in ([gzip, settings.OURS], [settings.OURS, gzip]):
        client = project(middleware=middleware)
        sent = json.dumps(document)
        response = client.post("/echo", sent, content_type="application/json", HTTP_ACCEPT_ENCODING="gzip")
        assert response["Content-Encoding"] == "gzip"
        assert int(response["Content-Length"]) == len(response.content)
    first, second = recorder.wait_for(2)
    assert first["response"]["body"] == second["response"]["body"] == document


def _text(message: dict[str, Any]) -> str:
    import base64

    body = message["body"]
    return base64.b64decode(body).decode() if message["transfer_encoding"] == "base64" else json.dumps(body)


def test_reused_response_object_gets_the_id_of_each_call(project: Project, recorder: Recorder) -> None:
    project()
    response = HttpResponse("ok")
    middleware = moesif_middleware(lambda _request: response)
    ids = [middleware(RequestFactory().get("/"))["X-Moesif-Transaction-Id"] for _ in range(3)]
    assert len(set(ids)) == 3
    assert ids == [event["transaction_id"] for event in recorder.wait_for(3)]
    response["X-Moesif-Transaction-Id"] = "of the project"
    assert middleware(RequestFactory().get("/"))["X-Moesif-Transaction-Id"] == "of the project"


CACHED = ["django.middleware.cache.UpdateCacheMiddleware", settings.OURS]
CACHED.append("django.middleware.cache.FetchFromCacheMiddleware")


def cache(name: str) -> dict[str, Any]:
    """Return settings with an empty cache of this name."""
    backend = {"BACKEND": "django.core.cache.backends.locmem.LocMemCache", "LOCATION": name}
    return {"CACHES": {"default": backend}}


def test_a_response_from_a_cache_has_the_id_of_its_call(project: Project, recorder: Recorder) -> None:
    client = project(middleware=CACHED, django=cache("ids"))
    ids = [client.get("/plain")["X-Moesif-Transaction-Id"] for _ in range(3)]
    assert ids == [event["transaction_id"] for event in recorder.wait_for(3)]
    assert len(set(ids)) == 3


@pytest.mark.parametrize(
    "environ",
    [
        {"HTTP_X_FORWARDED_HOST": "api.example.com", "HTTP_HOST": "10.0.0.5:8000"},
        {"HTTP_X_FORWARDED_PORT": "8443", "SERVER_NAME": "api.example.com"},
        {"HTTP_HOST": "10.0.0.5:8000"},
        {"SCRIPT_NAME": "/app/"},
    ],
)
@pytest.mark.parametrize("is_proxied", [True, False])
def test_uri_follows_the_settings_of_django(
    project: Project, recorder: Recorder, environ: dict[str, str], *, is_proxied: bool
) -> None:
    project(django={"USE_X_FORWARDED_HOST": is_proxied, "USE_X_FORWARDED_PORT": is_proxied})
    known: list[str] = []

    def view(request: Any) -> HttpResponse:
        known.append(request.build_absolute_uri())
        return HttpResponse("ok")

    moesif_middleware(view)(RequestFactory().get("/x", **environ))
    assert [event["request"]["uri"] for event in recorder.wait_for(1)] == known


def test_any_name_of_the_middleware_works_in_the_old_list(project: Project, recorder: Recorder) -> None:
    project()
    old = moesif_middleware()
    request = RequestFactory().get("/old")
    assert old.process_request(request) is None
    assert old.process_response(request, HttpResponse("ok")).has_header("X-Moesif-Transaction-Id")
    (event,) = recorder.wait_for(1)
    assert event["request"]["uri"].endswith("/old")
