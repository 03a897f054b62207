"""Any ``environ`` that PEP 3333 allows works (docs/guarantees.md, I-11), and so do odd bytes (I-13)."""

from __future__ import annotations

import random
import re
import string
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

import pytest

from tests.gateway import Environ, Gateway, hello, make_environ, request

if TYPE_CHECKING:
    from tests.conftest import Serve, Wrap
    from tests.recorder import Recorder

VALID_URI = re.compile(
    r"https?://[A-Za-z0-9\-._~!$&'()*+,;=:@%\[\]]+/([A-Za-z0-9\-._~!$&'()*+,;=:@/?]|%[0-9A-Fa-f]{2})*"
)


def _uri(recorder: Recorder, wrap: Wrap, environ: Environ) -> str:
    assert request(wrap(hello), environ).body == b"hello"
    [event] = recorder.wait_for(1)
    uri: str = event["request"]["uri"]
    return uri


def test_minimal_environ_is_enough(recorder: Recorder, wrap: Wrap) -> None:
    environ = {
        "REQUEST_METHOD": "GET",
        "SERVER_NAME": "srv",
        "SERVER_PORT": "8080",
        "wsgi.url_scheme": "http",
    }
    assert _uri(recorder, wrap, dict(environ)) == "http://srv:8080/"
    [event] = recorder.events
    assert "ip_address" not in event["request"]


def test_empty_environ_is_served(recorder: Recorder, wrap: Wrap) -> None:
    assert _uri(recorder, wrap, {}) == "http://localhost/"


@pytest.mark.parametrize(
    ("variables", "uri"),
    [
        ({"SCRIPT_NAME": "/app", "PATH_INFO": "/x"}, "http://api.example.com/app/x"),
        ({"SCRIPT_NAME": "/app", "PATH_INFO": ""}, "http://api.example.com/app"),
        ({"SCRIPT_NAME": "/app", "PATH_INFO": "/"}, "http://api.example.com/app/"),
        ({"PATH_INFO": ""}, "http://api.example.com/"),
        ({"HTTP_HOST": None}, "http://api.example.com/"),
        ({"HTTP_HOST": None, "SERVER_PORT": "8000"}, "http://api.example.com:8000/"),
        ({"HTTP_HOST": None, "SERVER_PORT": 8000}, "http://api.example.com:8000/"),
        ({"HTTP_HOST": None, "SERVER_PORT": "443", "wsgi_url_scheme": "https"}, "https://api.example.com/"),
        ({"HTTP_HOST": None, "SERVER_PORT": "80", "wsgi_url_scheme": "https"}, "https://api.example.com:80/"),
        ({"HTTP_HOST": "h:8080"}, "http://h:8080/"),
        ({"HTTP_HOST": "[2001:db8::1]:8080"}, "http://[2001:db8::1]:8080/"),
        ({"QUERY_STRING": "a=1&b=%20&c=[]"}, "http://api.example.com/?a=1&b=%20&c=%5B%5D"),
        ({"QUERY_STRING": None}, "http://api.example.com/"),
        ({"PATH_INFO": "/a b/%/\xc3\xa9"}, "http://api.example.com/a%20b/%25/%C3%A9"),
        ({"PATH_INFO": "/a?b#c"}, "http://api.example.com/a%3Fb%23c"),
    ],
)
def test_recorded_uri_is_the_requested_uri(recorder: Recorder, wrap: Wrap, variables: dict[str, Any], uri: str) -> None:
    assert _uri(recorder, wrap, make_environ(**variables)) == uri


@pytest.mark.parametrize("server", ["gunicorn-sync", "waitress", "wsgiref"])
def test_recorded_uri_is_right_on_real_servers(serve: Serve, recorder: Recorder, server: str) -> None:
    running = serve("plain:app", server, to=recorder)
    host = f"127.0.0.1:{running.address[1]}"
    for path in ("/", "/a%20b/%C3%A9?q=%20x&r=a+b", "/50%25", "/?", "/a//b;c=1"):
        assert running.get(path).body == b"hello"
    running.stop()
    uris = {event["request"]["uri"] for event in recorder.events}
    paths = ("/", "/a%20b/%C3%A9?q=%20x&r=a+b", "/50%25", "/a//b;c=1")
    assert uris == {f"http://{host}{path}" for path in paths}


def test_environ_values_that_are_not_text_are_ignored(recorder: Recorder, wrap: Wrap) -> None:
    environ = make_environ(
        HTTP_HOST=5,
        PATH_INFO=None,
        QUERY_STRING=b"bytes",
        REMOTE_ADDR=object(),
        HTTP_X_NUMBER=1,
        CONTENT_LENGTH=7,
    )
    environ[5] = "a key that is not text"  # type: ignore[index]
    environ["HTTP_X_SURROGATE"] = "\udcff\ud800"
    environ["\ud800"] = "x"
    assert request(wrap(hello), environ).body == b"hello"
    [event] = recorder.wait_for(1)
    assert VALID_URI.fullmatch(event["request"]["uri"])


def test_environ_that_is_not_a_dictionary_reaches_application_unchanged(wrap: Wrap) -> None:
    class Mapping(dict[str, Any]):
        pass

    seen: list[object] = []

    def application(environ: object, _start_response: Any) -> list[bytes]:
        seen.append(environ)
        return []

    middleware = wrap(application)
    for environ in (Mapping(), None, 5):
        assert middleware(environ, Gateway().start_response) == []  # type: ignore[arg-type]
    assert seen[1:] == [None, 5]
    assert type(seen[0]) is Mapping


def test_application_gets_environ_object_of_server(recorder: Recorder, wrap: Wrap) -> None:
    environ = make_environ()
    seen: list[object] = []

    def application(given: Environ, start_response: Any) -> list[bytes]:
        seen.append(given)
        return hello(given, start_response)

    request(wrap(application), environ)
    assert seen[0] is environ
    assert len(recorder.wait_for(1)) == 1


def test_odd_bytes_do_not_change_response_and_leave_valid_event(recorder: Recorder, wrap: Wrap) -> None:
    source = random.Random(20_240_601)
    every_byte = [chr(number) for number in range(256)]
    beyond = ["\u0100", "\U0001f600", "\ud800", "\udfff", "\udc80"]

    def text() -> str:
        alphabet = source.choice([every_byte, every_byte + beyond, string.printable, '%/?#&=\\"<>[]{}'])
        return "".join(source.choices(alphabet, k=source.randrange(30)))

    def application(environ: Environ, start_response: Any) -> list[bytes]:
        start_response(environ["status"], list(environ["headers"]))
        return [environ["answer"]]

    middleware = wrap(application)
    for number in range(400):
        headers = [("X-" + text(), text()) for _ in range(3)]
        environ = make_environ(
            method=source.choice(["GET", "POST", text()]),
            path="/" + text(),
            QUERY_STRING=text(),
            SCRIPT_NAME=source.choice(["", text()]),
            HTTP_HOST=source.choice([None, "h", text()]),
            SERVER_NAME=text(),
            SERVER_PORT=text(),
            REMOTE_ADDR=text(),
            CONTENT_TYPE=text(),
            HTTP_AUTHORIZATION=source.choice(["Bearer ", "Basic ", ""]) + text(),
            HTTP_X_FORWARDED_FOR=text(),
            HTTP_CONTENT_ENCODING=source.choice(["gzip", "deflate", text()]),
            HTTP_X_MOESIF_TRANSACTION_ID=text(),
            wsgi_url_scheme=source.choice(["http", "https", text()]),
            status=f"{source.randrange(100, 600)} {text()}",
            headers=headers,
            answer=source.randbytes(50),
        )
        environ[f"HTTP_{text()}"] = text()
        gateway = Gateway().run(middleware, environ)
        assert gateway.status == environ["status"], number
        assert gateway.headers[:3] == headers, number
        assert gateway.body == environ["answer"], number
    events = recorder.wait_for(400)
    assert len(events) == 400
    for event in events:
        uri = event["request"]["uri"]
        assert uri.isascii()
        assert re.fullmatch(r"[a-zA-Z][a-zA-Z0-9+.-]*://([^\s\"<>\\^`{|}%]|%[0-9A-Fa-f]{2})*", uri), uri
        assert urlsplit(uri.replace("[", "").replace("]", "")).path.startswith("/"), uri


@pytest.mark.parametrize("server", ["gunicorn-sync", "waitress", "wsgiref"])
def test_odd_bytes_on_the_wire_do_not_change_response(serve: Serve, recorder: Recorder, server: str) -> None:
    captured = serve("plain:app", server, to=recorder)
    source = random.Random(7)
    answered = 0
    for _ in range(60):
        if source.random() < 0.7:
            raw = quote(source.randbytes(12)).encode()
        else:
            raw = bytes(source.choices([byte for byte in range(33, 256) if byte not in b"#"], k=12))
        value = bytes(source.choices([byte for byte in range(32, 256) if byte != 127], k=12))
        with captured.connect() as client:
            client.sendall(
                b"GET /%s?%s HTTP/1.1\r\nHost: h\r\nConnection: close\r\nX-Odd: %s\r\n\r\n" % (raw, raw, value)
            )
            answer = b"".join(iter(lambda: client.recv(65536), b""))
        if b" 200 OK" in answer[:20]:
            assert b"hello" in answer
            answered += 1
        else:
            # The server refused the request, and the application did not see it.
            assert answer[9:12] in (b"400", b"414", b"505"), answer
    captured.stop()
    assert answered > 10
    assert len(recorder.events) == answered
    for event in recorder.events:
        assert VALID_URI.fullmatch(event["request"]["uri"]), event["request"]["uri"]


def test_odd_names_and_values_become_valid_text(recorder: Recorder, wrap: Wrap) -> None:
    request(
        wrap(hello),
        make_environ(
            HTTP_X_LATIN="caf\xe9",
            HTTP_X_UTF8="caf\xc3\xa9",
            HTTP_X_SURROGATE="a\ud800b",
            HTTP_X_API_V2KEY="k",
        ),
    )
    headers = recorder.wait_for(1)[0]["request"]["headers"]
    assert headers["X-Latin"] == "caf\xe9"
    assert headers["X-Utf8"] == "caf\xe9"
    assert headers["X-Surrogate"].startswith("a")
    assert headers["X-Api-V2Key"] == "k"
