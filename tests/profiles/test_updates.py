"""Profile updates of a middleware: what they accept and send. They never raise (docs/guarantees.md, I-18, I-28)."""

from __future__ import annotations

import datetime as dt
import decimal
import json
import logging
import threading
import uuid
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import pytest

from moesif.client import MoesifAPIClient
from moesif.models import CampaignModel, CompanyModel, UserModel
from tests.gateway import hello
from tests.interruption import TOO_LATE, interrupt
from tests.recorder import Answer, Fault

if TYPE_CHECKING:
    from collections.abc import Iterator

    from moesifwsgi import MoesifMiddleware
    from tests.collector import Collector, Nowhere
    from tests.conftest import RunProgram, Wrap
    from tests.recorder import Delivery, Recorder

USER: dict[str, Any] = {
    "user_id": "12345",
    "company_id": "67890",
    "campaign": {"utm_source": "google", "utm_medium": "cpc"},
    "metadata": {"email": "john@acmeinc.com", "sales_info": {"lifetime_value": 24000}},
}
COMPANY: dict[str, Any] = {"company_id": "67890", "company_domain": "acmeinc.com", "metadata": {"plan_name": "Free"}}


@pytest.fixture
def middleware(wrap: Wrap) -> MoesifMiddleware:
    return wrap(hello)


def _documents(deliveries: list[Delivery]) -> Iterator[tuple[str, Any]]:
    for delivery in deliveries:
        yield delivery.path, json.loads(delivery.json)


def _only_document(recorder: Recorder) -> Any:
    [(_, document)] = _documents(recorder.deliveries)
    return document


def test_each_method_posts_to_its_path_before_it_returns(recorder: Recorder, middleware: MoesifMiddleware) -> None:
    middleware.update_user(USER)
    middleware.update_users_batch([USER])
    middleware.update_company(COMPANY)
    middleware.update_companies_batch([COMPANY])
    assert list(_documents(recorder.accepted)) == [
        ("/v1/users", USER),
        ("/v1/users/batch", [USER]),
        ("/v1/companies", COMPANY),
        ("/v1/companies/batch", [COMPANY]),
    ]


def test_headers_of_a_profile_update(recorder: Recorder, middleware: MoesifMiddleware) -> None:
    middleware.update_user(USER)
    [delivery] = recorder.deliveries
    assert delivery.headers["X-Moesif-Application-Id"] == recorder.application_id
    assert delivery.headers["Content-Type"] == "application/json; charset=utf-8"
    assert delivery.headers["User-Agent"].startswith("moesif-rs/")
    assert delivery.headers["Content-Encoding"] is None


@pytest.mark.parametrize(
    "given",
    [
        USER,
        json.dumps(USER),
        json.dumps(USER).encode(),
        UserModel.from_dictionary(USER),
        UserModel("12345", "67890", campaign=CampaignModel("google", "cpc"), metadata=USER["metadata"]),
        {**USER, "campaign": CampaignModel(utm_source="google", utm_medium="cpc"), "session_token": None},
    ],
    ids=["dictionary", "JSON text", "JSON bytes", "model", "model by position", "dictionary with a model in it"],
)
def test_profile_can_be_a_dictionary_a_model_or_json_text(
    recorder: Recorder, middleware: MoesifMiddleware, given: Any
) -> None:
    middleware.update_user(given)
    document = _only_document(recorder)
    document["campaign"] = {name: value for name, value in document["campaign"].items() if value is not None}
    assert document == USER


@pytest.mark.parametrize(
    "given",
    [
        [USER, UserModel("2"), '{"user_id": "3"}'],
        (USER, {"user_id": "2"}, {"user_id": 3}),
        json.dumps([USER, {"user_id": "2"}, {"user_id": "3"}]),
        (user for user in (USER, {"user_id": "2"}, {"user_id": "3"})),
    ],
    ids=["mixed list", "tuple", "JSON text", "generator"],
)
def test_batch_can_be_any_iterable_of_profiles(recorder: Recorder, middleware: MoesifMiddleware, given: Any) -> None:
    middleware.update_users_batch(given)
    assert [user["user_id"] for user in _only_document(recorder)] == ["12345", "2", "3"]


@pytest.mark.parametrize(("given", "text"), [(b"bob", "bob"), (b"\xff\x00", "/wA=")])
def test_id_in_bytes_is_text(recorder: Recorder, middleware: MoesifMiddleware, given: bytes, text: str) -> None:
    middleware.update_user({"user_id": given, "metadata": {"name": given}})
    assert _only_document(recorder) == {"user_id": text, "metadata": {"name": text}}


def test_metadata_values_are_converted_to_json(recorder: Recorder, middleware: MoesifMiddleware) -> None:
    moment = dt.datetime(2026, 11, 21, 8, 51, 26, 838000, tzinfo=dt.timezone.utc)
    identifier = uuid.uuid4()
    middleware.update_company(
        {
            "company_id": "c",
            "modified_time": moment,
            "session_token": "token",
            "metadata": {
                "since": moment,
                "deep": [{"day": moment.date()}, {1: (moment.time(), {"set"})}],
                "id": identifier,
                "price": decimal.Decimal("1.50"),
                "ratio": float("nan"),
            },
        }
    )
    assert _only_document(recorder) == {
        "company_id": "c",
        "modified_time": "2026-11-21T08:51:26.838000+00:00",
        "session_token": "token",
        "metadata": {
            "since": "2026-11-21T08:51:26.838000+00:00",
            "deep": [{"day": "2026-11-21"}, {"1": ["08:51:26.838000", ["set"]]}],
            "id": str(identifier),
            "price": "1.50",
            "ratio": None,
        },
    }


class _Unreadable:
    def __str__(self) -> str:
        raise RuntimeError


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"user_id": None},
        {"user_id": ""},
        {"company_id": "67890"},
        UserModel(company_id="67890"),
        '{"company_id": "67890"}',
        None,
        "no JSON",
        "null",
        "[]",
        17,
        ["12345"],
        {"user_id": "1", "campaign": "google"},
        {"user_id": "1", "metadata": {"bad": _Unreadable()}},
        {"user_id": "1", "metadata": {"long": "x" * 2_000_000}},
    ],
)
def test_invalid_profile_is_logged_and_nothing_is_raised(
    recorder: Recorder, middleware: MoesifMiddleware, caplog: pytest.LogCaptureFixture, given: Any
) -> None:
    middleware.update_user(given)
    assert recorder.deliveries == []
    assert [name for name, *_ in caplog.record_tuples] == ["moesif.client"]
    assert caplog.records[0].levelno >= logging.WARNING


def test_only_the_invalid_profile_of_a_batch_is_left_out(
    recorder: Recorder, middleware: MoesifMiddleware, caplog: pytest.LogCaptureFixture
) -> None:
    bad = {"company_id": "3", "metadata": {"bad": _Unreadable()}}
    given: list[Any] = [{"company_id": "1"}, {"company_domain": "acmeinc.com"}, bad, COMPANY, 5]
    middleware.update_companies_batch(given)
    assert [company["company_id"] for company in _only_document(recorder)] == ["1", "67890"]
    assert "profile 1 of the batch has no company_id" in caplog.text
    assert len(caplog.records) == 3


@pytest.mark.parametrize("given", [None, 17, USER, UserModel("1"), "{", '{"user_id": "1"}'])
def test_invalid_batch_is_logged(
    recorder: Recorder, middleware: MoesifMiddleware, caplog: pytest.LogCaptureFixture, given: Any
) -> None:
    middleware.update_users_batch(given)
    assert recorder.deliveries == []
    assert "a batch of user profiles is not sent" in caplog.text


def test_empty_batch_sends_nothing(
    recorder: Recorder, middleware: MoesifMiddleware, caplog: pytest.LogCaptureFixture
) -> None:
    middleware.update_users_batch([])
    assert recorder.deliveries == []
    assert caplog.records == []


def test_unknown_field_is_not_sent_and_is_logged(
    recorder: Recorder, middleware: MoesifMiddleware, caplog: pytest.LogCaptureFixture
) -> None:
    middleware.update_user({"user_id": 7, "password_hash": "s3cr3t", "email": None})
    assert _only_document(recorder) == {"user_id": "7"}
    assert "password_hash" in caplog.text
    assert "email" not in caplog.text
    assert "s3cr3t" not in caplog.text


def test_items_of_a_subscription_are_sent(
    recorder: Recorder, middleware: MoesifMiddleware, caplog: pytest.LogCaptureFixture
) -> None:
    given = {"subscription_id": "s", "company_id": "c", "status": "active", "items": [{"plan_id": "p"}]}
    middleware.update_subscription(given)
    assert _only_document(recorder) == given
    assert caplog.records == []


@pytest.mark.parametrize(
    ("reply", "said", "is_final"),
    [
        (401, "does not accept this APPLICATION_ID or BASE_URI", True),
        (Answer(400, body=b'{"rejected": [{"index": 0, "field": "metadata", "error": "too long"}]}'), "too long", True),
        (Answer(201, body=b'{"rejected": [{"index": 0, "field": "user_id", "error": "odd"}]}'), "kept all but 1", True),
        (503, "answered 503", False),
        (Fault.RESET, "did not answer", False),
        (Fault.GARBAGE, "did not answer", False),
        (Fault.HANG, "did not answer", False),
    ],
    ids=str,
)
def test_failed_request_is_logged_once_and_not_raised(  # noqa: PLR0913 - fixtures and parameters
    recorder: Recorder, wrap: Wrap, caplog: pytest.LogCaptureFixture, reply: Any, said: str, *, is_final: bool
) -> None:
    recorder.answer_with(then=reply)
    wrap(hello, REQUEST_TIMEOUT=0.5).update_user(USER)
    assert len(recorder.deliveries) == 1 or not is_final
    [record] = caplog.records
    assert (record.name, record.levelname) == ("moesif.client", "ERROR")
    assert said in record.getMessage()
    assert recorder.application_id not in record.getMessage()


def test_temporary_failure_is_retried(
    recorder: Recorder, middleware: MoesifMiddleware, caplog: pytest.LogCaptureFixture
) -> None:
    recorder.answer_with(503, Fault.RESET)
    middleware.update_user(USER)
    assert [delivery.status for delivery in recorder.deliveries][-1] == 201
    assert len(recorder.deliveries) == 3
    assert caplog.records == []


def test_unreachable_collector_is_logged(wrap: Wrap, nowhere: Nowhere, caplog: pytest.LogCaptureFixture) -> None:
    wrap(hello, nowhere).update_company(COMPANY)
    assert f"{nowhere.uri} did not answer" in caplog.text


def test_other_threads_run_while_an_update_waits(recorder: Recorder, middleware: MoesifMiddleware) -> None:
    answering = threading.Event()

    def reply(_delivery: Delivery) -> int:
        # This is Python code on another thread of the process that waits for the update.
        answering.set()
        return 201

    recorder.reply = reply
    middleware.update_user(USER)
    assert answering.is_set()


def test_middlewares_update_profiles_of_their_own_application(
    recorder: Recorder, another_recorder: Recorder, wrap: Wrap
) -> None:
    first, second = wrap(hello, recorder), wrap(hello, another_recorder)
    second.update_user({"user_id": "second"})
    first.api_client.update_user({"user_id": "first"})
    assert _only_document(recorder) == {"user_id": "first"}
    assert _only_document(another_recorder) == {"user_id": "second"}


def test_client_takes_the_address_from_the_environment(recorder: Recorder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOESIF_BASE_URI", recorder.uri)
    client = MoesifAPIClient(recorder.application_id).api
    client.update_companies_batch([COMPANY, CompanyModel("2")])
    [delivery] = recorder.deliveries
    assert delivery.headers["User-Agent"].endswith("(moesifapi)")
    assert [company["company_id"] for company in json.loads(delivery.json)] == ["67890", "2"]


def test_updates_work_on_both_sides_of_a_fork(run_program: RunProgram, recorder: Recorder) -> None:
    ended = run_program(
        """
        import os
        from moesifwsgi import MoesifMiddleware
        from tests.gateway import hello, request

        application = MoesifMiddleware(hello, {})
        application.update_user({"user_id": "before"})
        request(application)
        child = os.fork()
        application.update_user({"user_id": "parent" if child else "child"})
        if not child:
            os._exit(0)
        assert os.waitpid(child, 0)[1] == 0
        """,
        to=recorder,
    )
    assert ended.code == 0, ended.errors
    users = [document["user_id"] for path, document in _documents(recorder.accepted) if path == "/v1/users"]
    assert (users[0], sorted(users[1:])) == ("before", ["child", "parent"])


def test_collector_merges_profiles(collector: Collector, wrap: Wrap) -> None:
    middleware = wrap(hello, collector)
    middleware.update_user(USER | {"session_token": "first"})
    middleware.update_user(UserModel("12345", session_token="second", metadata={"sales_info": {"stage": "Customer"}}))
    stored = collector.user("12345")
    assert stored["company_id"] == "67890"
    assert stored["session_token"] == ["first", "second"]
    assert stored["campaign"] == USER["campaign"]
    assert stored["metadata"] == {
        "email": "john@acmeinc.com",
        "sales_info": {"lifetime_value": 24000, "stage": "Customer"},
    }
    middleware.update_companies_batch([COMPANY, {"company_id": "a/b c"}])
    assert collector.company("67890")["company_domain"] == "acmeinc.com"
    assert collector.company("a/b c")["company_id"] == "a/b c"


def test_time_limit_that_a_signal_raises_in_a_helper_propagates(middleware: MoesifMiddleware) -> None:
    class Profile(Mapping[str, str]):
        def __getitem__(self, _name: str) -> str:
            return "12345"

        def __len__(self) -> int:
            return 1

        def __iter__(self) -> Iterator[str]:
            interrupt()
            yield "user_id"

    with pytest.raises(TimeoutError, match=TOO_LATE):
        middleware.update_user(Profile())
