"""Direct use of the middleware by existing code and its tests: helper objects, view functions, masks.

docs/guarantees.md: I-2.
"""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING, Any

import pytest
from django.http import HttpResponse
from django.test import RequestFactory

from moesif.models import SubscriptionModel, UserModel
from moesifdjango.masks import MaskData
from moesifdjango.middleware import MoesifMiddleware, moesif_middleware
from moesifdjango.middleware_pre19 import MoesifMiddlewarePre19

if TYPE_CHECKING:
    from tests.django.conftest import Project
    from tests.recorder import Recorder

USER = {
    "user_id": "12345",
    "company_id": "67890",
    "campaign": {"utm_source": "google", "utm_medium": "cpc"},
    "metadata": {"email": "john@acmeinc.com", "sales_info": {"lifetime_value": 24000}},
}
COMPANY = {"company_id": "67890", "company_domain": "acmeinc.com", "metadata": {"plan_name": "Free"}}
SUBSCRIPTION = {
    "subscription_id": "sub_67890",
    "company_id": "3456",
    "status": "active",
    "metadata": {"plan_name": "Pro", "mrr": 12000},
}


@pytest.fixture(
    params=[lambda: MoesifMiddleware(None), lambda: moesif_middleware(None), MoesifMiddlewarePre19],
    ids=["MoesifMiddleware(None)", "moesif_middleware(None)", "MoesifMiddlewarePre19()"],
)
def helper(request: pytest.FixtureRequest, project: Project) -> Any:
    project()
    return request.param()


@pytest.mark.parametrize(
    ("method", "given", "path"),
    [
        ("update_user", USER, "/v1/users"),
        ("update_users_batch", [USER, {"user_id": "2"}], "/v1/users/batch"),
        ("update_company", COMPANY, "/v1/companies"),
        ("update_companies_batch", [COMPANY, {"company_id": "2"}], "/v1/companies/batch"),
        ("update_subscription", SUBSCRIPTION, "/v1/subscriptions"),
        ("update_subscriptions_batch", [SUBSCRIPTION, SUBSCRIPTION], "/v1/subscriptions/batch"),
    ],
)
def test_a_helper_object_updates_profiles(helper: Any, recorder: Recorder, method: str, given: Any, path: str) -> None:
    assert getattr(helper, method)(given) is None
    [delivery] = recorder.accepted
    assert delivery.path == path
    assert json.loads(delivery.json) == given


def test_a_helper_object_has_the_api_of_its_settings(
    helper: Any, recorder: Recorder, caplog: pytest.LogCaptureFixture
) -> None:
    assert helper.client.api is helper.api_client
    helper.api_client.update_user(USER)
    [delivery] = recorder.accepted
    assert delivery.headers["X-Moesif-Application-Id"] == recorder.application_id
    assert recorder.uri == helper.client.configuration.BASE_URI
    with pytest.raises(ValueError, match="company_id"):
        helper.api_client.update_company({})
    assert caplog.records == []


@pytest.mark.parametrize("middleware", [MoesifMiddleware, MoesifMiddlewarePre19], ids=lambda made: made.__name__)
@pytest.mark.parametrize("options", [{}, {"LOCAL_DEBUG": True, "LOG_BODY": False, "API_VERSION": "1.0"}], ids=str)
def test_attributes_show_what_the_middleware_was_made_with(
    project: Project, recorder: Recorder, middleware: Any, options: dict[str, Any]
) -> None:
    project(**options)
    made = middleware()
    shown = (made.DEBUG, made.LOG_BODY, made.api_version)
    assert shown == (options.get("LOCAL_DEBUG", False), options.get("LOG_BODY", True), options.get("API_VERSION"))
    assert made.middleware_settings["APPLICATION_ID"] == recorder.application_id


def test_middleware_with_a_view_updates_profiles_too(project: Project, recorder: Recorder) -> None:
    project()
    middleware = moesif_middleware(lambda _request: HttpResponse("ok"))
    middleware.update_user(UserModel("12345"))
    middleware.update_subscription(SubscriptionModel("s", "c", status="active"))
    assert [delivery.path for delivery in recorder.accepted] == ["/v1/users", "/v1/subscriptions"]


@pytest.mark.parametrize("missing", ["subscription_id", "company_id", "status"])
def test_a_subscription_needs_three_fields(
    project: Project, recorder: Recorder, caplog: pytest.LogCaptureFixture, missing: str
) -> None:
    project()
    fields = {name: value for name, value in SUBSCRIPTION.items() if name != missing}
    with caplog.at_level(logging.WARNING, "moesif.client"):
        moesif_middleware(None).update_subscription(fields)
        moesif_middleware(None).update_subscriptions_batch([fields, SUBSCRIPTION])
    [delivery] = recorder.deliveries
    assert json.loads(delivery.json) == [SUBSCRIPTION]
    assert caplog.text.count(f" has no {missing}") == 2


def test_a_failed_update_is_logged_and_raises_nothing(
    project: Project, recorder: Recorder, caplog: pytest.LogCaptureFixture
) -> None:
    recorder.answer_with(then=503)
    project()
    moesif_middleware(None).update_company(COMPANY)
    assert "answered 503" in caplog.text


def test_a_helper_object_starts_no_record(project: Project, recorder: Recorder) -> None:
    project()
    assert moesif_middleware(None).get_response is None
    assert recorder.deliveries == []


def test_request_factory_request_works(project: Project, recorder: Recorder) -> None:
    project()
    given: list[Any] = []
    answer = HttpResponse(json.dumps({"ok": True}), content_type="application/json", status=201)

    def get_response(request: Any) -> Any:
        given.append(request)
        return answer

    request = RequestFactory().get("/api/users?page=1", HTTP_ACCEPT="application/json")
    assert moesif_middleware(get_response)(request) is answer
    assert given == [request]
    (event,) = recorder.wait_for(1)
    assert event["request"]["uri"] == "http://testserver/api/users?page=1"
    assert event["request"]["headers"]["Accept"] == "application/json"
    assert (event["response"]["status"], event["response"]["body"]) == (201, {"ok": True})


@pytest.mark.parametrize("method", ["get", "post", "put", "patch", "delete", "head", "options"])
def test_every_method_of_the_factory_is_recorded(project: Project, recorder: Recorder, method: str) -> None:
    project()
    request = getattr(RequestFactory(), method)("/things/1")
    assert moesif_middleware(lambda _request: HttpResponse("ok"))(request).status_code == 200
    (event,) = recorder.wait_for(1)
    assert event["request"]["verb"] == method.upper()


def test_exception_of_get_response_propagates_and_is_recorded(project: Project, recorder: Recorder) -> None:
    error = ValueError("no response")

    def get_response(_request: Any) -> Any:
        raise error

    project()
    with pytest.raises(ValueError, match="no response") as raised:
        moesif_middleware(get_response)(RequestFactory().get("/"))
    assert raised.value is error
    (event,) = recorder.wait_for(1)
    assert event["response"]["status"] == 500


def test_methods_of_the_old_middleware_can_be_called_directly(project: Project, recorder: Recorder) -> None:
    project()
    middleware = MoesifMiddlewarePre19()
    requests = [RequestFactory().get(f"/{number}") for number in range(3)]
    for request in requests:
        assert middleware.process_request(request) is None
    # Requests overlap. Each keeps its own record.
    for request in reversed(requests):
        response = HttpResponse(request.path)
        assert middleware.process_response(request, response) is response
        assert response.has_header("X-Moesif-Transaction-Id")
    events = recorder.wait_for(3)
    assert sorted(event["request"]["uri"] for event in events) == [f"http://testserver/{n}" for n in range(3)]
    assert len({event["transaction_id"] for event in events}) == 3


def test_old_middleware_records_responses_made_above_it(project: Project, recorder: Recorder) -> None:
    """A middleware above has answered, so ``process_request`` was not called."""
    project()
    MoesifMiddlewarePre19().process_response(RequestFactory().get("/early"), HttpResponse("early", status=403))
    (event,) = recorder.wait_for(1)
    assert (event["request"]["uri"], event["response"]["status"]) == ("http://testserver/early", 403)


HEADERS = {"Authorization": "secret", "X-Kept": "1"}
NESTED: dict[str, Any] = {"a": {"password": 1, "kept": [{"password": 2, "b": 3}, "text", None]}, "password": {"c": 4}}


def test_masking_headers_of_none_returns_none() -> None:
    assert MaskData().mask_headers(None, ["Authorization"]) is None


def test_masking_empty_headers_returns_empty_headers() -> None:
    assert MaskData().mask_headers({}, ["Authorization"]) == {}


def test_masking_headers_without_masks_keeps_them() -> None:
    assert MaskData().mask_headers(HEADERS, None) == HEADERS
    assert MaskData().mask_headers(HEADERS, []) == {"authorization": "secret", "x-kept": "1"}


def test_masked_headers_are_found_in_any_case() -> None:
    assert MaskData().mask_headers(HEADERS, ["AUTHORIZATION", "x-absent"]) == {"x-kept": "1"}


def test_masking_body_of_none_returns_none() -> None:
    assert MaskData().mask_body(None, ["password"]) is None


@pytest.mark.parametrize("body", [{}, [], "text", 17, True])
def test_masking_a_body_without_keys_leaves_it(body: Any) -> None:
    assert MaskData().mask_body(body, ["password"]) == body


@pytest.mark.parametrize("masks", [None, []])
def test_masking_a_body_without_masks_keeps_it(masks: Any) -> None:
    assert MaskData().mask_body(NESTED, masks) == NESTED


def test_masked_keys_are_removed_at_any_depth_and_the_original_stays() -> None:
    before = json.dumps(NESTED)
    assert MaskData().mask_body(NESTED, ["password"]) == {"a": {"kept": [{"b": 3}, "text", None]}}
    assert json.dumps(NESTED) == before


def test_masks_may_be_a_text_with_commas() -> None:
    assert MaskData().mask_body({"password": 1, "p": 2, "token": 3}, "password, token") == {"p": 2}
    assert MaskData().mask_headers({"Authorization": "a", "A": "b"}, "authorization") == {"a": "b"}
