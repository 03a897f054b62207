"""Middlewares in one process do not mix (docs/guarantees.md, I-18)."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import moesif
import moesifwsgi
import moesifwsgi.middleware
from tests.gateway import hello, make_environ, request

if TYPE_CHECKING:
    from tests.conftest import Wrap
    from tests.recorder import Recorder


def test_events_of_different_ids_and_collectors_do_not_mix(
    recorder: Recorder, another_recorder: Recorder, wrap: Wrap
) -> None:
    recorder.ids.append("second-id")
    applications = {
        "one": wrap(hello),
        "two": wrap(hello, APPLICATION_ID="second-id"),
        "three": wrap(hello, another_recorder, LOG_BODY=False),
    }

    def work(name: str) -> None:
        for number in range(100):
            request(applications[name], make_environ(path=f"/{name}/{number}"))

    threads = [threading.Thread(target=work, args=(name,)) for name in applications]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(recorder.wait_for(200)) == 200
    assert len(another_recorder.wait_for(100)) == 100
    expected = {
        (recorder.application_id, "one"),
        ("second-id", "two"),
        (another_recorder.application_id, "three"),
    }
    found = {
        (delivery.headers["X-Moesif-Application-Id"], event["request"]["uri"].split("/")[3])
        for delivery in recorder.deliveries + another_recorder.deliveries
        for event in delivery.events
    }
    assert found == expected
    assert all("body" not in event["response"] for event in another_recorder.events)
    assert all("body" in event["response"] for event in recorder.events)


def test_nested_middlewares_record_the_call_once_each(
    recorder: Recorder, another_recorder: Recorder, wrap: Wrap
) -> None:
    answer = request(wrap(wrap(hello, another_recorder)))
    assert answer.body == b"hello"
    assert len(answer.header("X-Moesif-Transaction-Id")) == 1
    assert len(recorder.wait_for(1)) == len(another_recorder.wait_for(1)) == 1


def test_later_changes_to_the_settings_have_no_effect(recorder: Recorder) -> None:
    settings = {
        "APPLICATION_ID": recorder.application_id,
        "BASE_URI": recorder.uri,
        "EVENT_BATCH_TIMEOUT": 0.02,
    }
    middleware = moesifwsgi.MoesifMiddleware(hello, settings)
    settings["LOG_BODY"] = False
    settings.clear()
    request(middleware)
    assert "body" in recorder.wait_for(1)[0]["response"]


def test_import_paths_name_one_class_that_can_be_extended(recorder: Recorder, wrap: Wrap) -> None:
    assert moesifwsgi.MoesifMiddleware is moesifwsgi.middleware.MoesifMiddleware is moesif.MoesifMiddleware

    class Extended(moesifwsgi.MoesifMiddleware):
        def __init__(self, app: object, extra: str) -> None:
            self.extra = extra
            settings = {
                "APPLICATION_ID": recorder.application_id,
                "BASE_URI": recorder.uri,
                "EVENT_BATCH_TIMEOUT": 0,
            }
            super().__init__(app, settings)  # type: ignore[arg-type]

    extended = Extended(hello, "extra")
    assert extended.extra == "extra"
    assert extended.app is hello
    assert request(extended).body == b"hello"
    assert wrap(hello, LOG_BODY=False).LOG_BODY is False
    assert len(recorder.wait_for(1)) == 1
