"""What a mask would protect does not leave while masks are not applied (docs/guarantees.md, I-24)."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import pytest

from tests.gateway import Environ, make_environ, request

if TYPE_CHECKING:
    from tests.conftest import Wrap
    from tests.recorder import Recorder

SECRET = "s3cr3t"


def _application(environ: Environ, start_response: Any) -> list[bytes]:
    environ["wsgi.input"].read()
    start_response("200 OK", [("X-Answer", SECRET), ("Set-Cookie", SECRET)])
    return [b'{"password": "%s"}' % SECRET.encode()]


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("MASK_EVENT_MODEL", lambda event: event),
        ("REQUEST_HEADER_MASKS", ["Authorization"]),
        ("RESPONSE_HEADER_MASKS", "Set-Cookie"),
        ("REQUEST_BODY_MASKS", ("password",)),
        ("RESPONSE_BODY_MASKS", ["password"]),
        ("REQUEST_QUERY_MASKS", ["token"]),
        ("SENSITIVE_DATA", "remove"),
        ("SENSITIVE_DATA", "hash"),
    ],
)
def test_a_configured_mask_strips_what_it_might_have_masked(
    recorder: Recorder, wrap: Wrap, caplog: pytest.LogCaptureFixture, option: str, value: object
) -> None:
    with caplog.at_level(logging.WARNING, "moesif.settings"):
        application = wrap(_application, **{option: value})
    assert option in caplog.records[0].getMessage()
    answer = request(
        application,
        make_environ(
            "POST",
            "/p",
            b'{"password": "s3cr3t"}',
            QUERY_STRING=f"token={SECRET}",
            HTTP_X_SECRET=SECRET,
            HTTP_COOKIE=SECRET,
        ),
    )
    assert SECRET in answer.body.decode()
    [event] = recorder.wait_for(1)
    assert SECRET.encode() not in recorder.accepted[0].json
    assert event["request"]["uri"] == "http://api.example.com/p"
    assert event["request"].get("headers") in (None, {})
    assert event["response"].get("headers") in (None, {})
    assert event["response"]["status"] == 200


@pytest.mark.parametrize("option", ["REQUEST_HEADER_MASKS", "REQUEST_BODY_MASKS", "MASK_EVENT_MODEL"])
@pytest.mark.parametrize("value", [None, "", []], ids=repr)
def test_a_mask_of_nothing_strips_nothing(recorder: Recorder, wrap: Wrap, option: str, value: object) -> None:
    if option == "MASK_EVENT_MODEL" and value == []:
        with pytest.raises(ValueError, match="MASK_EVENT_MODEL"):
            wrap(_application, **{option: value})
        return
    request(wrap(_application, **{option: value}))
    assert recorder.wait_for(1)[0]["response"]["body"] == {"password": SECRET}
