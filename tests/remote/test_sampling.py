"""Sampling: which calls are kept, and their weight (docs/guarantees.md, I-27)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

import moesif
from tests.gateway import hello, make_environ, request
from tests.remote.config import Config, sampled_out, wait_until

if TYPE_CHECKING:
    from tests.conftest import Wrap
    from tests.recorder import Recorder


def pattern(rate: float, **fields: str) -> dict[str, Any]:
    conditions = [{"path": path.replace("__", "."), "value": value} for path, value in fields.items()]
    return {"conditions": conditions, "sample_rate": rate}


def by_header(_application: Any, environ: dict[str, Any], _headers: dict[str, str]) -> Any:
    return environ.get("HTTP_X_USER")


CONFIG: dict[str, Any] = {
    "user_sample_rate": {"never": 0, "always": 100, "17": 0},
    "company_sample_rate": {"quiet": 0},
    "regex_config": [
        pattern(100, request__route="^/health/deep"),
        pattern(0, request__route="^/health", request__verb="GET"),
        pattern(0, request__ip_address=r"^203\.0\.113\."),
        pattern(0, response__status="^204$"),
        pattern(0, request__colour="."),
        pattern(0, request__verb="("),
    ],
}


@pytest.mark.parametrize(
    ("path", "environ", "is_sampled_out"),
    [
        ("/", {}, False),
        ("/", {"HTTP_X_USER": "never"}, True),
        ("/", {"HTTP_X_USER": "always"}, False),
        ("/", {"HTTP_AUTHORIZATION": "Basic bmV2ZXI6cGFzc3dvcmQ="}, True),
        ("/", {"HTTP_X_COMPANY": "quiet"}, True),
        # The rate of the user applies before that of the company.
        ("/", {"HTTP_X_USER": "always", "HTTP_X_COMPANY": "quiet"}, False),
        ("/health", {}, True),
        ("/health/deep", {}, False),
        ("/health", {"REQUEST_METHOD": "POST"}, False),
        # Of an id and a pattern, the lower rate applies.
        ("/health", {"HTTP_X_USER": "always"}, True),
        ("/health/deep", {"HTTP_X_USER": "never"}, True),
        ("/", {"QUERY_STRING": "/health"}, False),
        ("/", {"REMOTE_ADDR": "203.0.113.9"}, True),
        ("/", {"HTTP_X_FORWARDED_FOR": "203.0.113.9"}, True),
        ("/empty", {}, True),
    ],
)
def test_most_specific_rate_applies(
    recorder: Recorder, wrap: Wrap, path: str, environ: dict[str, str], *, is_sampled_out: bool
) -> None:
    def application(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        start_response("204 No Content" if environ["PATH_INFO"] == "/empty" else "200 OK", [])
        return []

    config = Config(**CONFIG)
    recorder.config = config.answer
    wrapped = wrap(
        application,
        IDENTIFY_USER=by_header,
        IDENTIFY_COMPANY=lambda _app, environ, _headers: environ.get("HTTP_X_COMPANY"),
    )
    config.await_in(wrapped)
    assert sampled_out(wrapped, path, **environ) is is_sampled_out


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("(", "cannot be used: the group has no closing parenthesis, at position 0"),
        (r"^/(a|a)*\1$", "is too expensive: a search was stopped and the condition did not match"),
    ],
    ids=["malformed", "too slow"],
)
def test_unusable_pattern_samples_out_nothing_and_is_logged_once(
    recorder: Recorder, wrap: Wrap, caplog: pytest.LogCaptureFixture, value: str, reason: str
) -> None:
    config = Config(regex_config=[pattern(0, request__route=value)])
    recorder.config = config.answer
    application = wrap(hello)
    config.await_in(application)
    assert not any(sampled_out(application, "/" + "a" * 40 + "b") for _ in range(3))
    messages = [record.getMessage() for record in caplog.records if "regex_config[1]" in record.getMessage()]
    assert len(messages) == 1
    assert f"the pattern of request.route {reason}" in messages[0]


def test_id_that_is_a_number_finds_its_rate(recorder: Recorder, wrap: Wrap) -> None:
    config = Config(**CONFIG)
    recorder.config = config.answer
    application = wrap(hello, IDENTIFY_USER=lambda *_arguments: 17)
    config.await_in(application)
    assert sampled_out(application)


@pytest.mark.parametrize("rate", [30, 60, 7.5])
def test_weights_add_up_to_the_number_of_calls(recorder: Recorder, wrap: Wrap, rate: float) -> None:
    config = Config(sample_rate=rate)
    recorder.config = config.answer
    application = wrap(hello)
    config.await_in(application)
    calls = 4000
    kept = sum(not sampled_out(application, "/counted") for _ in range(calls))
    weights = _weights(recorder, "/counted", kept)
    assert len(weights) == kept
    # The tolerance is ten standard deviations. A wrong rate or a rounded weight is further off.
    share = rate / 100
    assert abs(kept - calls * share) < 10 * (calls * share * (1 - share)) ** 0.5
    assert abs(sum(weights) - calls) < 10 * (calls * (1 - share) / share) ** 0.5
    assert max(weights) - min(weights) <= 1


def _weights(recorder: Recorder, path: str, count: int) -> list[int]:
    """Return the weights of the events with this path, once there are ``count`` of them."""

    def weights() -> list[int]:
        return [event["weight"] for event in recorder.events if event["request"]["uri"].endswith(path)]

    wait_until(lambda: len(weights()) >= count, f"{count} events of {path}")
    return weights()


def test_every_call_is_kept_without_a_configuration(recorder: Recorder, wrap: Wrap) -> None:
    recorder.config = 503
    application = wrap(hello)
    assert not sampled_out(application)
    recorder.wait_for_fetches(1, "/v1/config")
    assert not any(sampled_out(application) for _ in range(50))
    assert [event["weight"] for event in recorder.wait_for(51)] == [1] * 51


def test_sampled_out_call_is_counted_and_not_masked(recorder: Recorder, wrap: Wrap) -> None:
    masked: list[Any] = []

    def mask(event: Any) -> Any:
        masked.append(event.request.uri)
        return event

    config = Config(sample_rate=0)
    recorder.config = config.answer
    application = wrap(hello, MASK_EVENT_MODEL=mask)
    config.await_in(application)
    masked.clear()
    before = moesif.stats()
    for _ in range(10):
        request(application)
    after = moesif.stats()
    assert (after["sampled_out"] - before["sampled_out"], masked) == (10, [])


def test_mask_function_does_not_change_the_weight(recorder: Recorder, wrap: Wrap) -> None:
    def mask(event: Any) -> Any:
        return {"request": event.request.to_dictionary(), "response": event.response.to_dictionary()}

    config = Config(sample_rate=50)
    recorder.config = config.answer
    application = wrap(hello, MASK_EVENT_MODEL=mask)
    config.await_in(application)
    kept = 0
    while kept < 3:
        kept += not sampled_out(application, "/kept")
    assert set(_weights(recorder, "/kept", kept)) == {2}


def test_skip_is_called_before_sampling(recorder: Recorder, wrap: Wrap) -> None:
    config = Config(sample_rate=0)
    recorder.config = config.answer
    application = wrap(hello, SKIP=lambda _app, environ: environ["PATH_INFO"] == "/skipped")
    config.await_in(application)
    before = moesif.stats()["skipped"]
    assert not sampled_out(application, "/skipped")
    assert moesif.stats()["skipped"] == before + 1
    request(application, make_environ("GET", "/other"))
