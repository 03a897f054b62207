"""Calls of the API clients: what they accept, send, return and refuse (docs/guarantees.md, I-28)."""

from __future__ import annotations

import asyncio
import datetime as dt
import json
import logging
import pickle
from typing import TYPE_CHECKING, Any

import pytest

from moesif.client import (
    APIConnectionError,
    APIException,
    AsyncClient,
    Configuration,
    HttpCallBack,
    HttpClient,
    HttpContext,
    HttpRequest,
    HttpResponse,
    MoesifAPIClient,
)
from moesif.models import (
    CampaignModel,
    CompanyModel,
    EventModel,
    EventRequestModel,
    EventResponseModel,
    SubscriptionModel,
    UserModel,
)
from tests.recorder import Answer

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.api.conftest import Connect, ConnectAsync
    from tests.collector import Collector, Nowhere
    from tests.recorder import Recorder

MOMENT = dt.datetime(2026, 11, 21, 8, 51, 26, 838000, tzinfo=dt.timezone.utc)
USER: dict[str, Any] = {
    "user_id": "12345",
    "company_id": "67890",
    "campaign": {"utm_source": "google", "utm_medium": "cpc"},
    "metadata": {"email": "john@acmeinc.com", "seen": [{"at": MOMENT}]},
}
COMPANY: dict[str, Any] = {"company_id": "67890", "company_domain": "acmeinc.com", "metadata": {"plan_name": "Free"}}
SUBSCRIPTION: dict[str, Any] = {
    "subscription_id": "sub_67890",
    "company_id": "67890",
    "status": "active",
    "current_period_start": MOMENT,
    "metadata": {"plan_name": "Pro", "renewed": {"on": MOMENT.date()}},
}
EVENT: dict[str, Any] = {
    "request": {
        "time": MOMENT,
        "uri": "https://api.example.com/items/1?page=2",
        "verb": "PUT",
        "headers": {"Accept": "*/*"},
        "body": {"name": "item"},
    },
    "response": {"time": MOMENT, "status": 200, "headers": {}, "body": {"price": 1.10}},
    "user_id": "12345",
    "metadata": {"since": MOMENT},
}
ACTION: dict[str, Any] = {
    "action_name": "Clicked Sign Up",
    "user_id": "12345",
    "metadata": {"button": "Get Started", "at": MOMENT},
    "request": {"time": MOMENT, "uri": "https://acmeinc.com/get-started"},
}


def _plain(value: Any) -> Any:
    """Return the value as the collector receives it."""
    return json.loads(json.dumps(value, default=lambda moment: moment.isoformat()))


def test_collector_stores_every_kind_of_profile(collector: Collector, connect: Connect) -> None:
    api = connect(collector).api
    subscription = SubscriptionModel("sub_2", "67890", current_period_end=MOMENT, status="trialing")
    subscriptions: list[Any] = [SUBSCRIPTION, subscription]
    updates: list[tuple[Callable[[Any], object], Any]] = [
        (api.update_user, USER),
        (api.update_users_batch, [{"user_id": 2}, UserModel("3", metadata={"at": MOMENT})]),
        (api.update_company, CompanyModel.from_dictionary(COMPANY)),
        (api.update_companies_batch, [{"company_id": "a/b c"}, json.dumps(COMPANY)]),
        (api.update_subscription, SUBSCRIPTION),
        (api.update_subscriptions_batch, iter(subscriptions)),
    ]
    assert [update(given) for update, given in updates] == [None] * 6

    assert {name: collector.user("12345")[name] for name in USER} == _plain(USER)
    assert collector.user("2")["user_id"] == "2"
    assert collector.user("3")["metadata"] == {"at": MOMENT.isoformat()}
    assert collector.company("67890")["company_domain"] == "acmeinc.com"
    assert collector.company("a/b c")["company_id"] == "a/b c"
    assert collector.subscription("sub_67890") == collector.subscription("sub_67890") | _plain(SUBSCRIPTION)
    assert collector.subscription("sub_2")["current_period_end"] == MOMENT.isoformat()


def test_profiles_are_merged(collector: Collector, connect: Connect) -> None:
    api = connect(collector).api
    api.update_subscription(SUBSCRIPTION)
    api.update_subscription(
        {**SUBSCRIPTION, "status": "cancelled", "metadata": {"renewed": {"by": "ann"}, "plan_name": None}}
    )
    stored = collector.subscription("sub_67890")
    assert stored["status"] == "cancelled"
    assert stored["metadata"] == {"plan_name": "Pro", "renewed": {"on": "2026-11-21", "by": "ann"}}


@pytest.mark.parametrize(
    "given",
    [
        EVENT,
        json.dumps(EVENT, default=lambda moment: moment.isoformat()),
        EventModel.from_dictionary(EVENT),
        {**EVENT, "request": EventRequestModel.from_dictionary(EVENT["request"]), "session_token": None},
    ],
    ids=["dictionary", "JSON text", "model", "dictionary with a model in it"],
)
def test_event_is_stored(collector: Collector, connect: Connect, given: Any) -> None:
    headers = connect(collector).api.create_event(given)
    assert headers["X-Moesif-Config-ETag"]
    assert headers["x-moesif-config-etag"] == headers["X-MOESIF-CONFIG-ETAG"]
    [row] = collector.events()
    stored = collector.event(row["id"])
    assert stored["request"]["body"] == {"name": "item"}
    assert stored["response"]["body"] == {"price": 1.1}
    assert (stored["user_id"], stored["metadata"]) == ("12345", {"since": MOMENT.isoformat()})
    assert len(stored["transaction_id"]) == 36


def test_events_and_actions_can_be_sent_in_batches(collector: Collector, connect: Connect) -> None:
    api = connect(collector).api
    request = EventRequestModel(MOMENT, "https://api.example.com/", "GET", {})
    model = EventModel(request, EventResponseModel(MOMENT, 204, {}))
    assert api.create_events_batch([EVENT, model, {**EVENT, "transaction_id": "own"}])["X-Moesif-Rules-Tag"]
    assert {row["verb"] for row in collector.events()} == {"PUT", "GET"}
    assert "own" in {row["transaction_id"] for row in collector.events()}
    assert api.create_action(ACTION)["X-Moesif-Config-ETag"]
    api.create_actions_batch(json.dumps([{**_plain(ACTION), "action_name": name} for name in ("Looked", "Left")]))
    actions = {action["action_name"]: action for action in collector.actions()}
    assert set(actions) == {"Clicked Sign Up", "Looked", "Left"}
    assert actions["Clicked Sign Up"]["metadata"] == _plain(ACTION["metadata"])


def test_event_sent_twice_is_stored_once(collector: Collector, connect: Connect) -> None:
    api = connect(collector).api
    for _ in range(2):
        api.create_event({**EVENT, "transaction_id": "once"})
    assert len(collector.events()) == 1


def test_configuration_rules_and_health_can_be_fetched(collector: Collector, connect: Connect) -> None:
    client = connect(collector)
    config, rules = client.api.get_app_config(), client.api.get_governance_rules()
    assert (config.status_code, rules.status_code) == (200, 200)
    assert isinstance(json.loads(config.raw_body), dict)
    assert isinstance(json.loads(rules.raw_body), list)
    assert config.headers["x-moesif-config-etag"]
    status = client.health.get_health_probe()
    assert (status.status, status.region) == (True, "local")


def test_every_call_can_be_awaited(collector: Collector, connect_async: ConnectAsync) -> None:
    client = connect_async(collector)

    async def call() -> None:
        await asyncio.gather(
            client.update_user(USER),
            client.update_users_batch([{"user_id": str(number)} for number in range(10)]),
            client.update_company(COMPANY),
            client.update_companies_batch([{"company_id": "2"}]),
            client.update_subscription(SUBSCRIPTION),
            client.update_subscriptions_batch([{**SUBSCRIPTION, "subscription_id": "2"}]),
            client.create_events_batch([EVENT]),
            client.create_action(ACTION),
            client.create_actions_batch([ACTION]),
        )
        assert (await client.create_event(EVENT))["X-Moesif-Config-ETag"]
        assert (await client.get_app_config()).status_code == 200
        assert (await client.get_governance_rules()).raw_body.startswith("[")
        assert (await client.get_health_probe()).status is True
        with pytest.raises(ValueError, match="user_id"):
            await client.update_user({})

    asyncio.run(call())
    assert collector.user("9")["user_id"] == "9"
    assert collector.subscription("2")["status"] == "active"
    assert (len(collector.events()), len(collector.actions())) == (2, 2)


def test_both_clients_have_the_same_calls(connect: Connect, recorder: Recorder) -> None:
    client = connect(recorder)
    calls = {name for part in (client.api, client.health) for name in dir(part) if not name.startswith(("_", "http_"))}
    calls -= {"generate_post_payload", "validate_response"}
    assert calls == {name for name in dir(AsyncClient) if not name.startswith("_")}


@pytest.mark.parametrize(
    ("call", "missing"),
    [
        (lambda api: api.update_user({"company_id": "1"}), "the user has no user_id"),
        (lambda api: api.update_user(UserModel(user_id="")), "the user has no user_id"),
        (lambda api: api.update_user('{"user_id": null}'), "the user has no user_id"),
        (lambda api: api.update_users_batch([USER, {}]), "user 1 of the batch has no user_id"),
        (lambda api: api.update_company({}), "the company has no company_id"),
        (lambda api: api.update_companies_batch([COMPANY, {}]), "company 1 of the batch has no company_id"),
        (
            lambda api: api.update_subscription({"subscription_id": "1", "company_id": "2"}),
            "subscription has no status",
        ),
        (lambda api: api.update_subscriptions_batch([{"status": "active"}]), "0 of the batch has no subscription_id"),
        (lambda api: api.create_event({}), "the event has no request"),
        (lambda api: api.create_event(EventModel(EventRequestModel(MOMENT, verb="GET"))), "has no request.uri"),
        (lambda api: api.create_events_batch([EVENT, {"request": {}}]), "event 1 of the batch has no request.time"),
        (lambda api: api.create_event({**EVENT, "response": {"status": 200}}), "the event has no response.time"),
        (lambda api: api.create_event({**EVENT, "response": {"time": MOMENT}}), "the event has no response.status"),
        (
            lambda api: api.create_events_batch([EVENT, {**EVENT, "response": EventResponseModel(MOMENT)}]),
            "event 1 of the batch has no response.status",
        ),
        (lambda api: api.create_action({"request": {"uri": "/"}}), "the action has no action_name"),
        (lambda api: api.create_actions_batch([ACTION, {"action_name": "x", "request": {}}]), "1 of .* no request.uri"),
        (lambda api: api.update_user({"user_id": "1", "metadata": {"long": "x" * 2_000_000}}), "longer than 1048576"),
        (lambda api: api.update_user("no JSON"), "the text is not JSON: Expecting value"),
    ],
)
def test_invalid_document_raises_and_nothing_is_sent(
    recorder: Recorder, connect: Connect, call: Callable[[Any], object], missing: str
) -> None:
    with pytest.raises(ValueError, match=missing):
        call(connect(recorder).api)
    assert recorder.deliveries == []


@pytest.mark.parametrize("given", [None, 17, ["12345"], "null", "[]"])
def test_value_that_is_not_a_document_raises(recorder: Recorder, connect: Connect, given: Any) -> None:
    with pytest.raises(TypeError, match="expected a dictionary, a UserModel or JSON text, found"):
        connect(recorder).api.update_user(given)
    with pytest.raises(TypeError, match=r"expected a (list|dictionary)"):
        connect(recorder).api.update_users_batch(USER if isinstance(given, str) else given)
    assert recorder.deliveries == []


def test_documents_are_sent_and_left_unchanged(recorder: Recorder, connect: Connect) -> None:
    api = connect(recorder).api
    given = {**SUBSCRIPTION, "items": [{"plan_id": "p"}], "status": "active", "metadata": None, "subscription_id": 7}
    before = dict(given)
    api.update_subscription(given)
    api.create_event('{"request": {"time": "t", "uri": "u", "verb": "v", "body": {"n": 1.10, "big": 1e400, "z": -0}}}')
    assert given == before
    subscription, event = recorder.deliveries
    assert json.loads(subscription.json) == {
        "subscription_id": "7",
        "company_id": "67890",
        "status": "active",
        "current_period_start": MOMENT.isoformat(),
        "items": [{"plan_id": "p"}],
    }
    assert b'{"n":1.10,"big":1e400,"z":-0}' in event.json


def test_campaign_can_be_a_model(recorder: Recorder, connect: Connect) -> None:
    connect(recorder).api.update_user({"user_id": "1", "campaign": CampaignModel(utm_source="google")})
    [delivery] = recorder.deliveries
    assert json.loads(delivery.json)["campaign"] == {"utm_source": "google"}


def test_empty_batch_sends_nothing(recorder: Recorder, connect: Connect) -> None:
    api = connect(recorder).api
    api.update_users_batch([])
    assert api.create_events_batch("[]") == {}
    assert recorder.deliveries == []


def test_large_batch_is_split_by_count_and_by_bytes(recorder: Recorder, connect: Connect) -> None:
    api = connect(recorder).api
    api.update_users_batch([{"user_id": number} for number in range(25_000)])
    assert [len(json.loads(delivery.json)) for delivery in recorder.deliveries] == [10_000, 10_000, 5_000]
    users = [user["user_id"] for delivery in recorder.deliveries for user in json.loads(delivery.json)]
    assert users == [str(number) for number in range(25_000)]
    assert {delivery.path for delivery in recorder.deliveries} == {"/v1/users/batch"}
    api.create_actions_batch([{**ACTION, "metadata": {"text": "é" * 500_000}} for _ in range(21)])
    sizes = [len(delivery.json) for delivery in recorder.deliveries[3:]]
    assert len(sizes) == 3
    assert max(sizes) <= 10_000_001
    assert [len(json.loads(delivery.json)) for delivery in recorder.deliveries[3:]] == [9, 9, 3]


def test_refusal_raises_with_the_answer(recorder: Recorder, connect: Connect) -> None:
    refusal = b'{"rejected": [{"index": 0, "field": "metadata", "error": "too odd"}]}'
    recorder.answer_with(Answer(400, (("X-Why", "odd"),), refusal), then=401)
    api = connect(recorder).api
    with pytest.raises(APIException, match="answered 400: element 0, metadata: too odd") as refused:
        api.update_user(USER)
    assert refused.value.response_code == 400
    context = refused.value.context
    assert context.response is not None
    assert (context.response.raw_body, context.response.headers["x-why"]) == (refusal.decode(), "odd")
    assert context.request.query_url == f"{recorder.uri}/v1/users"
    assert json.loads(context.request.parameters)["user_id"] == "12345"
    with pytest.raises(APIException, match="does not accept this APPLICATION_ID") as refused:
        api.update_company(COMPANY)
    assert refused.value.response_code == 401


REJECTED = Answer(201, body=b'{"rejected": [{"index": 1, "field": "user_id", "error": "odd"}]}')


@pytest.mark.parametrize(
    "call", [lambda api: api.update_user(USER), lambda api: api.update_users_batch([USER, USER])], ids=["one", "batch"]
)
def test_document_that_is_not_stored_raises(
    recorder: Recorder, connect: Connect, call: Callable[[Any], object]
) -> None:
    recorder.answer_with(REJECTED)
    with pytest.raises(APIException, match="kept all but 1: element 1, user_id: odd") as refused:
        call(connect(recorder).api)
    assert refused.value.response_code == 201
    assert refused.value.context.response is not None


def test_partial_success_raises_after_all_parts_are_sent(recorder: Recorder, connect: Connect) -> None:
    recorder.answer_with(201, REJECTED)
    with pytest.raises(APIException, match=r"^of elements 10000 to 19999: .* kept all but 1: element 1, user_id: odd$"):
        connect(recorder).api.update_users_batch([{"user_id": number} for number in range(25_000)])
    assert len(recorder.accepted) == 3


def test_partial_success_is_logged_if_a_later_part_fails(
    recorder: Recorder, connect: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    recorder.answer_with(REJECTED, then=400)
    with pytest.raises(APIException, match="answered 400"):
        connect(recorder).api.update_users_batch([{"user_id": number} for number in range(10_001)])
    assert "of elements 0 to 9999" in caplog.text
    assert caplog.record_tuples[0][:2] == ("moesif.client", logging.ERROR)


@pytest.mark.parametrize("body", [b"<html>hello</html>", b"[1]", b"null", b"\xff"])
def test_health_probe_of_another_server_raises(answer_probe_with: Callable[[bytes], str], body: bytes) -> None:
    uri = answer_probe_with(body)
    with pytest.raises(APIException, match="/health/probe did not answer with a JSON object") as failed:
        MoesifAPIClient("id", Configuration(BASE_URI=uri)).health.get_health_probe()
    assert failed.value.response_code == 200


@pytest.fixture
def answer_probe_with(recorder: Recorder, monkeypatch: pytest.MonkeyPatch) -> Callable[[bytes], str]:
    def answer(body: bytes) -> str:
        monkeypatch.setattr(recorder, "fetch", lambda *_: Answer(200, body=body))
        return recorder.uri

    return answer


def test_exceptions_can_be_pickled(nowhere: Nowhere, recorder: Recorder, connect: Connect) -> None:
    recorder.answer_with(Answer(400, (("X-Why", "odd"),), b"{}"))
    with pytest.raises(APIException) as refused:
        connect(recorder).api.update_user(USER)
    with pytest.raises(APIConnectionError) as unanswered:
        connect(nowhere, timeout=1).api.update_user(USER)
    for original in (refused.value, unanswered.value):
        copy = pickle.loads(pickle.dumps(original))
        assert type(copy) is type(original)
        assert (str(copy), copy.response_code) == (str(original), original.response_code)
        assert copy.context.request.query_url == original.context.request.query_url
    copy = pickle.loads(pickle.dumps(refused.value))
    assert copy.context.response.headers["x-why"] == "odd"


def test_each_call_sends_a_new_event_unless_it_has_an_id(recorder: Recorder, connect: Connect) -> None:
    api = connect(recorder).api
    model = EventModel.from_dictionary(EVENT)
    for event in (EVENT, EVENT, model, model):
        api.create_event(event)
    first, second, third, fourth = (json.loads(delivery.json)["transaction_id"] for delivery in recorder.deliveries)
    assert first != second
    assert third == fourth


class RecordingCallBack(HttpCallBack):
    def __init__(self) -> None:
        self.seen: list[Any] = []

    def on_before_request(self, request: HttpRequest) -> None:
        self.seen.append(request)

    def on_after_response(self, context: HttpContext) -> None:
        self.seen.append(context)
        self.response = context.response


def test_callback_sees_requests_and_answers(recorder: Recorder, connect: Connect) -> None:
    api = connect(recorder).api
    api.http_call_back = callback = RecordingCallBack()
    api.update_user(USER)
    request, context = callback.seen
    assert (request.http_method, context.request) == ("POST", request)
    assert request.headers["X-Moesif-Application-Id"] == recorder.application_id
    assert callback.response is not None
    assert callback.response.status_code == 201
    recorder.answer_with(then=400)
    with pytest.raises(APIException):
        api.update_user(USER)
    assert callback.response.status_code == 400


def test_http_client_can_be_replaced(recorder: Recorder, connect: Connect) -> None:
    class OtherClient(HttpClient):
        status = 201

        def execute_as_string(self, request: HttpRequest) -> HttpResponse:
            self.request = request
            return HttpResponse(self.status, {"X": "1"}, "{}")

    api = connect(recorder).api
    api.http_client = client = OtherClient()
    assert api.create_event(EVENT)["x"] == "1"
    assert (client.request.http_method, client.request.query_url) == ("POST", f"{recorder.uri}/v1/events")
    client.status = 500
    with pytest.raises(APIException, match="500"):
        api.update_user(USER)
    assert recorder.deliveries == []
