"""Ids (docs/guarantees.md, I-25) and addresses (I-26) of the caller."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.gateway import hello, make_environ, request

if TYPE_CHECKING:
    from tests.collector import Collector
    from tests.conftest import Serve, Wrap
    from tests.recorder import Recorder


def _token(payload: object, *, url_safe: bool = True) -> str:
    text = json.dumps(payload, ensure_ascii=False).encode()
    encode = base64.urlsafe_b64encode if url_safe else base64.b64encode
    return f"e30.{encode(text).decode().rstrip('=')}.c2ln"


def _basic(pair: str) -> str:
    return "Basic " + base64.b64encode(pair.encode()).decode()


# Its base64 contains the two characters that differ between the standard and the URL-safe alphabet.
AWKWARD = {"sub": "???>>>~~~\xff\xff"}

AUTHORIZATION = [
    ("Bearer " + _token({"sub": "ann"}), "ann"),
    ("bearer " + _token({"sub": "ann"}), "ann"),
    ("BEARER   " + _token({"SUB": "ann"}), "ann"),
    ("Bearer " + _token(AWKWARD), AWKWARD["sub"]),
    ("Bearer " + _token(AWKWARD, url_safe=False), AWKWARD["sub"]),
    ("Bearer " + _token({"sub": 42}), "42"),
    ("Bearer " + _token({"sub": None}), None),
    ("Bearer " + _token({"sub": ""}), None),
    ("Bearer " + _token({"other": "x"}), None),
    ("Bearer " + _token(["sub"]), None),
    ("Bearer opaque", None),
    ("Bearer a.b.c.d", None),
    ("Bearer " + _token({"sub": "ann"}).rpartition(".")[0], None),
    (_basic("ann:secret"), "ann"),
    (_basic("ann:secret").replace("Basic", "bAsIc"), "ann"),
    (_basic(" ann :secret"), "ann"),
    (_basic(":secret"), None),
    ("Basic ***", None),
    # A custom scheme may carry a token. A scheme that only contains the name of another one is a custom
    # scheme.
    ("Token " + _token({"sub": "ann"}), "ann"),
    ('Digest realm="Basic YW5uOng="', None),
    ("Digest username=ann", None),
    ("XBasic " + _basic("ann:x").split(" ")[1], None),
    (_token({"sub": "ann"}), "ann"),
    ("", None),
]


@pytest.mark.parametrize(("value", "user"), AUTHORIZATION)
def test_user_is_read_from_the_authorization_header(
    recorder: Recorder, wrap: Wrap, value: str, user: str | None
) -> None:
    request(wrap(hello), make_environ(HTTP_AUTHORIZATION=value))
    assert recorder.wait_for(1)[0].get("user_id") == user


def test_user_of_a_token_with_a_real_server(serve: Serve, collector: Collector) -> None:
    running = serve("plain:app", "gunicorn-gthread", to=collector)
    running.get("/", {"Authorization": "Bearer " + _token(AWKWARD)})
    [row] = collector.wait_for(1)
    assert row["user_id"] == AWKWARD["sub"]
    assert [found["id"] for found in collector.events(user=AWKWARD["sub"])] == [row["id"]]
    assert collector.events(user="somebody else") == []


@pytest.mark.parametrize("names", ["X-Api-Key, Authorization", ["x-api-key", "AUTHORIZATION"]], ids=str)
@pytest.mark.parametrize(
    ("headers", "user"),
    [
        ({"HTTP_X_API_KEY": "opaque", "HTTP_AUTHORIZATION": "Bearer " + _token({"sub": "ann"})}, "ann"),
        ({"HTTP_X_API_KEY": _basic("key:"), "HTTP_AUTHORIZATION": "Bearer " + _token({"sub": "ann"})}, "key"),
        ({"HTTP_AUTHORIZATION": _basic("ann:")}, "ann"),
        ({"HTTP_X_API_KEY": "opaque"}, None),
    ],
)
def test_next_configured_header_is_tried_if_one_has_no_user(
    recorder: Recorder, wrap: Wrap, names: object, headers: dict[str, Any], user: str | None
) -> None:
    request(wrap(hello, AUTHORIZATION_HEADER_NAME=names), make_environ(**headers))
    assert recorder.wait_for(1)[0].get("user_id") == user


def test_field_of_the_token_is_configurable(recorder: Recorder, wrap: Wrap) -> None:
    token = "Bearer " + _token({"sub": "no", "User_Id": 7})
    request(wrap(hello, AUTHORIZATION_USER_ID_FIELD="user_id"), make_environ(HTTP_AUTHORIZATION=token))
    assert recorder.wait_for(1)[0]["user_id"] == "7"


@pytest.mark.parametrize("result", [None, "", 0, False], ids=repr)
def test_header_identifies_the_user_if_identify_user_returns_nothing(
    recorder: Recorder, wrap: Wrap, result: object
) -> None:
    application = wrap(hello, IDENTIFY_USER=lambda _app, _environ, _headers: result)
    request(application, make_environ(HTTP_AUTHORIZATION=_basic("ann:")))
    assert recorder.wait_for(1)[0]["user_id"] == "ann"


@pytest.mark.parametrize(("result", "text"), [(12345, "12345"), ("u", "u"), (1.5, "1.5"), (b"u", "u")], ids=repr)
def test_ids_are_converted_to_text(recorder: Recorder, wrap: Wrap, result: object, text: str) -> None:
    request(
        wrap(
            hello,
            IDENTIFY_USER=lambda _app, _environ, _headers: result,
            IDENTIFY_COMPANY=lambda _app, _environ, _headers: result,
            GET_SESSION_TOKEN=lambda _app, _environ: result,
        )
    )
    [event] = recorder.wait_for(1)
    assert (event["user_id"], event["company_id"], event["session_token"]) == (text, text, text)


PEER = "192.0.2.1"
ADDRESSES = [
    ({}, PEER),
    ({"X_FORWARDED_FOR": "203.0.113.7, 10.0.0.1"}, "203.0.113.7"),
    ({"X_FORWARDED_FOR": "unknown, 203.0.113.7:4711"}, "203.0.113.7"),
    ({"X_FORWARDED_FOR": "[2001:db8::1]:80"}, "2001:db8::1"),
    ({"X_FORWARDED_FOR": "2001:DB8::1"}, "2001:db8::1"),
    ({"X_FORWARDED_FOR": "null"}, PEER),
    ({"X_FORWARDED_FOR": "none"}, PEER),
    ({"X_FORWARDED_FOR": "\xff\xfe\x00"}, PEER),
    ({"X_FORWARDED_FOR": ""}, PEER),
    ({"X_CLIENT_IP": "203.0.113.9", "X_FORWARDED_FOR": "203.0.113.7"}, "203.0.113.9"),
    ({"CF_CONNECTING_IP": "203.0.113.1"}, "203.0.113.1"),
    ({"TRUE_CLIENT_IP": "203.0.113.2"}, "203.0.113.2"),
    ({"X_REAL_IP": "203.0.113.3"}, "203.0.113.3"),
    ({"X_CLUSTER_CLIENT_IP": "203.0.113.4"}, "203.0.113.4"),
    ({"FORWARDED": 'for="[2001:db8:cafe::17]:4711";proto=https, for=10.0.0.1'}, "2001:db8:cafe::17"),
    ({"FORWARDED": "proto=http;For=192.0.2.60:80;by=203.0.113.43"}, "192.0.2.60"),
    ({"FORWARDED": "for=unknown, for=_hidden"}, PEER),
]


@pytest.mark.parametrize(("headers", "address"), ADDRESSES)
def test_client_address_is_the_first_valid_one(
    recorder: Recorder, wrap: Wrap, headers: dict[str, Any], address: str
) -> None:
    request(wrap(hello), {**make_environ(), **{f"HTTP_{name}": value for name, value in headers.items()}})
    assert recorder.wait_for(1)[0]["request"]["ip_address"] == address


@pytest.mark.parametrize("peer", [None, "", "unix:/run/app.sock", b"\x7f\x00\x00\x01", 5], ids=repr)
def test_peer_that_is_not_an_ip_address_is_not_recorded(recorder: Recorder, wrap: Wrap, peer: object) -> None:
    request(wrap(hello), make_environ(REMOTE_ADDR=peer, HTTP_X_FORWARDED_FOR="null"))
    assert "ip_address" not in recorder.wait_for(1)[0]["request"]


def test_client_address_with_a_real_server(serve: Serve, recorder: Recorder) -> None:
    running = serve("plain:app", to=recorder)
    running.get("/", {"X-Forwarded-For": "null"})
    running.get("/", {"Forwarded": 'for="[2001:db8::17]:4711"'})
    running.stop()
    assert [event["request"]["ip_address"] for event in recorder.events] == ["127.0.0.1", "2001:db8::17"]
