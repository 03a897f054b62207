"""``RequestsClient`` sends what its caller wrote, and nothing else."""

from __future__ import annotations

import subprocess
import sys
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import TYPE_CHECKING, Any

import pytest
import requests

from moesif.client import APIConnectionError, Configuration, HttpCallBack, MoesifAPIClient
from moesifapi.http.requests_client import RequestsClient, refresh_session
from tests.collector import ROOT
from tests.ports import FreshServer
from tests.recorder import Fault

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from moesif.client import HttpRequest, HttpResponse
    from tests.api.conftest import Connect
    from tests.collector import Nowhere
    from tests.recorder import Recorder

#: Headers that each HTTP library sends in its own way.
OF_THE_LIBRARY = {"accept", "accept-encoding", "connection", "host", "user-agent"}


@dataclass
class Partner:
    """A server that is no collector. It keeps each request: method, path, headers and body."""

    seen: list[tuple[str, str, dict[str, str], bytes]] = field(default_factory=list)
    #: Statuses of the next answers. After these, 200.
    statuses: list[int] = field(default_factory=list)
    uri: str = ""

    @property
    def last_headers(self) -> dict[str, str]:
        return self.seen[-1][2]


@pytest.fixture
def partner() -> Iterator[Partner]:
    partner = Partner()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_arguments: object) -> None:
            pass

        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            headers = {name.lower(): value for name, value in self.headers.items()}
            partner.seen.append((self.command, self.path, headers, body))
            self.send_response(partner.statuses.pop(0) if partner.statuses else 200)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = answer  # noqa: N815

    server = FreshServer(Handler)
    server.daemon_threads = True
    partner.uri = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield partner
    server.shutdown()
    server.server_close()
    thread.join(30)


# Makes requests as programs written for moesifapi do.
PROGRAM = """
import sys
from moesifapi.moesif_api_client import *
uri = sys.argv[1]
with_user = uri.replace("://", "://own%20user:own@")
Configuration.BASE_URI = uri
api = MoesifAPIClient("secret-id").api
client = RequestsClient()
for request in (
    client.get(f"{uri}/bearer", headers={"Authorization": "Bearer mine", "X-Unset": None}),
    client.get(f"{uri}/basic?a=1", username="u", password="p", query_parameters={"b": "x y", "c": None, "d": [1, 2]}),
    client.get(f"{with_user}/user"),
    client.get(f"{uri}/own", headers={"x-moesif-application-id": "own-id", "User-Agent": "reports/1.0"}),
    client.get(f"{uri}/a b/%C3%A9/\\u00fc?q=c d"),
    client.get(uri),
    client.post(f"{uri}/text", headers={"content-type": "text/plain", "X-Trace": "1"}, parameters="h\\u00e4"),
    client.post(f"{uri}/bytes", headers={"Content-Length": "9"}, parameters=b"\\xff\\x00"),
    client.post(f"{uri}/form", parameters={"a": 1, "b": "\\u00e9 &", "c": None, "d": ["x", "y"]}),
    client.post(f"{uri}/empty"),
    client.put(f"{uri}/put", headers={"content-type": "application/json"}, parameters='{"a": 1}'),
    client.patch(f"{uri}/patch", parameters="text"),
    client.delete(f"{uri}/delete", headers={"X-Trace": "2"}),
):
    assert client.execute_as_string(request).status_code == 200, request.query_url
    assert client.execute_as_binary(request).raw_body == b"{}"

class Tenant(HttpCallBack):
    def on_before_request(self, request):
        request.headers["X-Tenant"] = "t1"

    def on_after_response(self, context):
        pass

api.http_call_back = Tenant()
api.update_user({"user_id": "1"})
"""


def _run(interpreter: str | Path, partner: Partner) -> list[tuple[str, str, dict[str, str], bytes]]:
    partner.seen.clear()
    command = [interpreter, "-c", PROGRAM, partner.uri]
    ended = subprocess.run(command, cwd="/", capture_output=True, text=True, timeout=90, check=False)
    assert ended.returncode == 0, ended.stderr
    return [
        (method, path, {name: value for name, value in headers.items() if name not in OF_THE_LIBRARY}, body)
        for method, path, headers, body in partner.seen
    ]


def test_requests_are_sent_as_moesifapi_sends_them(partner: Partner) -> None:
    theirs = _run(ROOT / ".venv-upstream" / "bin" / "python", partner)
    ours = _run(sys.executable, partner)
    # The JSON text of a document is written in another way.
    *ours, (_, path, our_headers, _) = ours
    *theirs, (_, _, their_headers, _) = theirs
    assert ours == theirs
    assert len(ours) == 26
    carrying_an_id = {path for _, path, headers, _ in ours if "x-moesif-application-id" in headers}
    assert carrying_an_id == {"/own"}
    del our_headers["content-length"], their_headers["content-length"]
    assert path == "/v1/users"
    assert our_headers == their_headers
    assert our_headers["x-tenant"] == "t1"


def test_user_agent_of_a_request_is_sent(partner: Partner) -> None:
    client = RequestsClient()
    client.execute_as_string(client.get(partner.uri, {"user-agent": "reports/1.0"}))
    assert partner.last_headers["user-agent"] == "reports/1.0"
    client.execute_as_string(client.get(partner.uri))
    assert partner.last_headers["user-agent"].startswith("moesif-rs/")


def test_get_is_repeated_after_503_and_post_is_not(partner: Partner) -> None:
    client = RequestsClient()
    for method, status, count in (("get", 200, 2), ("put", 200, 2), ("post", 503, 1), ("patch", 503, 1)):
        partner.statuses = [503]
        partner.seen.clear()
        assert client.execute_as_string(getattr(client, method)(partner.uri)).status_code == status
        assert len(partner.seen) == count
        partner.statuses = []


def test_post_that_broke_off_is_not_repeated(recorder: Recorder) -> None:
    """The server may have what the request says."""
    recorder.answer_with(then=Fault.RESET)
    client = RequestsClient()
    headers = {"X-Moesif-Application-Id": recorder.application_id}
    with pytest.raises(APIConnectionError):
        client.execute_as_string(client.post(f"{recorder.uri}/v1/users", headers, parameters="{}"))
    assert len(recorder.deliveries) == 1


def test_server_that_is_down_raises(nowhere: Nowhere, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Configuration, "timeout", 0.3)
    client = RequestsClient()
    with pytest.raises(APIConnectionError, match="did not answer") as raised:
        client.execute_as_string(client.post(nowhere.uri, parameters="{}"))
    assert raised.value.context.request.query_url == nowhere.uri


@pytest.mark.parametrize(
    ("change", "error", "said"),
    [
        ({"files": {"a": b"b"}}, NotImplementedError, "files cannot be sent"),
        ({"parameters": object()}, TypeError, "the body is a object: expected text, bytes"),
        ({"http_method": "BREW"}, ValueError, "the method is 'BREW'"),
        ({"query_url": "ftp://h/a"}, ValueError, "the URL is 'ftp://h/a'"),
        ({"query_url": "/v1/users"}, ValueError, "the URL is '/v1/users'"),
        ({"headers": {"A": "b\r\nC: d"}}, ValueError, "cannot be sent"),
        ({"headers": {"A": 1}}, TypeError, "the header A is a int"),
    ],
)
def test_request_that_cannot_be_sent_raises(
    partner: Partner, change: dict[str, Any], error: type[Exception], said: str
) -> None:
    client = RequestsClient()
    request = client.post(partner.uri, parameters="{}")
    for name, value in change.items():
        setattr(request, name, value)
    with pytest.raises(error, match=said):
        client.execute_as_string(request)
    assert partner.seen == []


def test_callback_that_changes_the_address_changes_where_a_request_goes(
    partner: Partner, recorder: Recorder, connect: Connect
) -> None:
    class Elsewhere(HttpCallBack):
        def on_before_request(self, request: HttpRequest) -> None:
            request.query_url = f"{partner.uri}/elsewhere"
            request.headers = {"X-Own": "1"}

        def on_after_response(self, context: object) -> None:
            pass

    api = connect(recorder).api
    api.http_call_back = Elsewhere()
    api.update_user({"user_id": "1"})
    assert recorder.deliveries == []
    [(method, path, headers, body)] = partner.seen
    assert (method, path, body) == ("POST", "/elsewhere", b'{"user_id":"1"}')
    assert headers["x-own"] == "1"
    assert "x-moesif-application-id" not in headers


class Converting(RequestsClient):
    """Sends with requests, as subclasses written for moesifapi do."""

    attempts = 0

    @refresh_session
    def execute_as_string(self, request: HttpRequest) -> HttpResponse:
        self.attempts += 1
        if self.attempts == 1:
            raise requests.ConnectionError
        return self.convert_response(self.session.request("GET", request.query_url), False)  # noqa: FBT003

    def execute_as_binary(self, request: HttpRequest) -> HttpResponse:
        return self.convert_response(requests.get(request.query_url, timeout=30), True)  # noqa: FBT003


def test_subclass_can_convert_responses_of_requests(partner: Partner) -> None:
    client = Converting()
    request = client.get(partner.uri)
    assert client.execute_as_string(request).raw_body == "{}"
    assert client.attempts == 2
    binary: object = client.execute_as_binary(request).raw_body
    assert binary == b"{}"


def test_client_sends_with_its_session_once_a_program_has_used_it(partner: Partner, recorder: Recorder) -> None:
    client = RequestsClient()
    client.session.headers["X-Session"] = "1"
    assert client.session.get_adapter(partner.uri) is client.adapter
    assert client.adapter.max_retries.total == 3
    client.execute_as_string(client.get(partner.uri, username="u", password="p"))
    assert partner.last_headers["x-session"] == "1"
    assert partner.last_headers["authorization"] == "Basic dTpw"
    client.execute_as_binary(client.post(partner.uri, files={"a": b"content"}))
    assert b"content" in partner.seen[-1][3]
    api = MoesifAPIClient(recorder.application_id, Configuration(BASE_URI=recorder.uri)).api
    api.http_client = client
    api.update_user({"user_id": "1"})
    assert recorder.deliveries[0].headers["X-Session"] == "1"


def test_redirect_is_returned_and_not_followed(partner: Partner) -> None:
    partner.statuses = [302]
    client = RequestsClient()
    assert client.execute_as_string(client.get(partner.uri)).status_code == 302
    assert len(partner.seen) == 1


def test_options_in_the_environment_do_not_concern_requests_to_other_servers(
    partner: Partner, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    for name, text in {"BATCH_SZIE": "1", "REQUEST_MASKS": "x", "BATCH_SIZE": "many", "BASE_URL": "x"}.items():
        monkeypatch.setenv(f"MOESIF_{name}", text)
    client = RequestsClient()
    assert client.execute_as_string(client.get(f"{partner.uri}/a")).status_code == 200
    assert not caplog.records


def test_settings_of_the_network_are_read_once_for_each_server(
    partner: Partner, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("http_proxy", "ftp://proxy")
    client = RequestsClient()
    for _ in range(3):
        assert client.execute_as_string(client.get(f"{partner.uri}/a")).status_code == 200
    [record] = caplog.records
    assert "http_proxy is not the address of an HTTP proxy" in record.getMessage()


def test_timeout_in_the_environment_applies_to_requests_to_other_servers(
    partner: Partner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MOESIF_REQUEST_TIMEOUT", "soon")
    client = RequestsClient()
    with pytest.raises(ValueError, match=r"REQUEST_TIMEOUT .* is 'soon'"):
        client.execute_as_string(client.get(f"{partner.uri}/a"))
