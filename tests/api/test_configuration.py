"""Where API clients send to (docs/guarantees.md, I-18), and the import paths of moesifapi."""

from __future__ import annotations

import gzip
import importlib
import json
from typing import TYPE_CHECKING, Any

import pytest

import moesifapi
import moesifapi.configuration
from moesif.client import (
    APIConnectionError,
    ApiController,
    AsyncClient,
    Configuration,
    HealthController,
    HttpClient,
    HttpRequest,
    HttpResponse,
    MoesifAPIClient,
)
from moesifapi.http.requests_client import RequestsClient
from moesifwsgi import MoesifMiddleware
from tests.gateway import hello
from tests.recorder import Answer

if TYPE_CHECKING:
    from tests.api.conftest import Connect
    from tests.conftest import Wrap
    from tests.recorder import Recorder

USER = {"user_id": "12345"}


def test_class_attributes_apply_to_every_client_at_every_call(
    recorder: Recorder, another_recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = MoesifAPIClient(recorder.application_id)
    monkeypatch.setattr(moesifapi.configuration.Configuration, "BASE_URI", f"{recorder.uri}/collector//")
    client.api.update_user(USER)
    assert [delivery.path for delivery in recorder.deliveries] == ["/collector/v1/users"]
    another_recorder.ids.append(recorder.application_id)
    monkeypatch.setattr(Configuration, "BASE_URI", another_recorder.uri)
    client.api.update_user(USER)
    assert len(another_recorder.deliveries) == 1


def test_user_agent(recorder: Recorder, connect: Connect) -> None:
    connect(recorder).api.update_user(USER)
    connect(recorder, version="program/1.0").api.update_user(USER)
    ours, theirs = (delivery.headers["User-Agent"] for delivery in recorder.deliveries)
    assert (ours, theirs) == (Configuration.version, "program/1.0")


def test_clients_do_not_mix(recorder: Recorder, another_recorder: Recorder, connect: Connect) -> None:
    first, second = connect(recorder), connect(another_recorder)
    second.api.update_user(USER)
    first.api.update_company({"company_id": "1"})
    assert [delivery.path for delivery in recorder.deliveries] == ["/v1/companies"]
    assert [delivery.path for delivery in another_recorder.deliveries] == ["/v1/users"]
    assert Configuration.BASE_URI == "https://api.moesif.net"
    first.configuration.BASE_URI = another_recorder.uri
    another_recorder.ids.append(recorder.application_id)
    first.api.update_user(USER)
    assert len(another_recorder.deliveries) == 2


def test_client_copies_its_configuration(recorder: Recorder) -> None:
    given = Configuration(BASE_URI=recorder.uri)
    first, second = MoesifAPIClient(recorder.application_id, given), MoesifAPIClient("another", given)
    first.api.update_user(USER)
    assert len(recorder.deliveries) == 1
    assert (second.configuration.application_id, given.application_id) == ("another", "SET_ME")


def test_subclass_of_configuration_sets_the_address(recorder: Recorder) -> None:
    class Production(Configuration):
        BASE_URI = recorder.uri
        timeout = 20

    client = MoesifAPIClient(recorder.application_id, Production())
    client.api.update_user(USER)
    assert len(recorder.deliveries) == 1
    assert (type(client.configuration), client.configuration.timeout) == (Production, 20)


def test_environment_sets_the_address_unless_a_program_does(
    recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Production(Configuration):
        BASE_URI = "https://api.moesif.net"

    def destination(configuration: Configuration | None) -> str:
        url_recorder = UrlRecorder()
        api = MoesifAPIClient(recorder.application_id, configuration).api
        api.http_client = url_recorder
        api.update_user(USER)
        return url_recorder.url

    monkeypatch.setenv("MOESIF_BASE_URI", recorder.uri)
    theirs, default = f"{recorder.uri}/v1/users", "https://api.moesif.net/v1/users"
    assert destination(None) == destination(Configuration()) == destination(Configuration(timeout=5)) == theirs
    assert destination(Production()) == destination(Configuration(BASE_URI="https://api.moesif.net")) == default
    monkeypatch.setattr(Configuration, "BASE_URI", "https://api.moesif.net")
    assert destination(None) == default


class UrlRecorder(HttpClient):
    url = ""

    def execute_as_string(self, request: HttpRequest) -> HttpResponse:
        self.url = request.query_url
        return HttpResponse(201, {}, "{}")


def test_controllers_work_without_a_client(recorder: Recorder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Configuration, "BASE_URI", recorder.uri)
    monkeypatch.setattr(Configuration, "application_id", recorder.application_id)
    ApiController().update_user(USER)
    ApiController(RequestsClient()).update_company({"company_id": "1"})
    assert [delivery.path for delivery in recorder.deliveries] == ["/v1/users", "/v1/companies"]
    with pytest.raises(moesifapi.APIException):
        HealthController().get_health_probe()
    assert recorder.fetches == ["/health/probe"]


def test_client_without_address_sends_where_a_middleware_sends(
    recorder: Recorder, another_recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    early = MoesifAPIClient(recorder.application_id)
    for one in (recorder, another_recorder):
        MoesifMiddleware(hello, {"APPLICATION_ID": one.application_id, "BASE_URI": one.uri})
    # A client uses the middleware with its application id, or else the newest one.
    early.api.update_user(USER)
    another_recorder.ids.append("else")
    MoesifAPIClient("else").api.update_user(USER)
    assert (len(recorder.deliveries), len(another_recorder.deliveries)) == (1, 1)
    # This middleware has no address, so the client uses the default.
    MoesifMiddleware(hello, {"APPLICATION_ID": "bare"})
    assert MoesifAPIClient("bare")._endpoint.native().base_uri == "https://api.moesif.net"  # noqa: SLF001
    # An address of the client counts first, then the environment.
    another_recorder.ids.append(recorder.application_id)
    MoesifAPIClient(recorder.application_id, Configuration(BASE_URI=another_recorder.uri)).api.update_user(USER)
    monkeypatch.setenv("MOESIF_BASE_URI", another_recorder.uri)
    MoesifAPIClient(recorder.application_id).api.update_user(USER)
    assert (len(recorder.deliveries), len(another_recorder.deliveries)) == (1, 3)


def test_client_of_a_middleware_uses_its_settings(recorder: Recorder, wrap: Wrap) -> None:
    middleware = wrap(hello)
    api = middleware.api_client
    assert middleware.client.api is api is middleware.api_client
    assert recorder.uri == middleware.client.configuration.BASE_URI
    api.update_user(USER)
    with pytest.raises(ValueError, match="company_id"):
        api.update_company({})
    assert api.get_app_config().raw_body == "{}"
    assert [delivery.path for delivery in recorder.deliveries] == ["/v1/users"]


@pytest.mark.parametrize(
    ("application_id", "configuration", "said"),
    [
        ("", {}, "APPLICATION_ID is missing"),
        ("id", {"BASE_URI": "api.moesif.net"}, "BASE_URI is 'api.moesif.net'"),
        ("id", {"timeout": -1}, "timeout is -1"),
        ("id", {"timeout": 0}, "timeout is 0"),
        ("id", {"timeout": 1e12}, "timeout is 1000000000000.0: expected a number of seconds"),
        ("id", {"timeout": float("nan")}, "timeout is nan"),
        ("id", {"timeout": "5"}, "timeout is '5'"),
        ("id", {"version": "a\nb"}, "version is"),
    ],
)
def test_invalid_configuration_raises(application_id: str, configuration: dict[str, Any], said: str) -> None:
    for make in (MoesifAPIClient, AsyncClient):
        with pytest.raises(ValueError, match=said):
            make(application_id, Configuration(**configuration))


def test_unknown_attribute_raises() -> None:
    with pytest.raises(TypeError, match="BASE_URL"):
        Configuration(BASE_URL="http://127.0.0.1:9500")  # type: ignore[call-arg]


@pytest.mark.parametrize("name", ["BASE_URL", "base_uri", "BaseUri", "APPLICATION_ID", "applicationId"])
def test_setting_a_misspelt_attribute_raises(name: str) -> None:
    """Otherwise data would go to another collector, or under another id."""
    said = f"no attribute '{name}': did you mean (BASE_URI|application_id)"
    for configuration in (MoesifAPIClient("id").configuration, Configuration, type("Own", (Configuration,), {})):
        with pytest.raises(AttributeError, match=said):
            setattr(configuration, name, "http://127.0.0.1:9500")
        assert not hasattr(configuration, name)
    with pytest.raises(AttributeError, match=said):
        type("Own", (Configuration,), {name: "http://127.0.0.1:9500"})


def test_other_attributes_can_be_set(monkeypatch: pytest.MonkeyPatch) -> None:
    client = MoesifAPIClient("id")
    for name in (
        "region",
        "base_path",
        "app_version",
        "identity",
        "pool_size",
        "application_key",
        "application_ids",
        "application_id_file",
        "default_base_uri",
        "base_uris",
        "_base",
        "_base_uri",
        "_application_id",
        "__application_id",
    ):
        monkeypatch.setattr(Configuration, name, "of all clients", raising=False)
        assert getattr(client.configuration, name) == "of all clients"
        setattr(client.configuration, name, "of this client")
        assert getattr(client.configuration, name) == "of this client"
        assert hasattr(type("Own", (Configuration,), {name: "of a class"}), name)
    client.configuration.BASE_URI = "http://127.0.0.1:9500"
    client.configuration.timeout = 1


def test_property_can_keep_the_application_id_in_a_private_attribute() -> None:
    class Own(Configuration):
        _application_id = "1"

        @property
        def application_id(self) -> str:
            return self._application_id

        @application_id.setter
        def application_id(self, value: str) -> None:
            self._application_id = f"{value} of a property"

    configuration = MoesifAPIClient("id", Own()).configuration
    assert configuration.application_id == "id of a property"


#: Names of moesifapi, and the modules from which existing code imports them.
PATHS = {
    "MoesifAPIClient": "moesif_api_client",
    "Configuration": "configuration",
    "APIHelper": "api_helper",
    "APIException": "exceptions exceptions.api_exception",
    "ApiController": "controllers controllers.api_controller",
    "HealthController": "controllers controllers.health_controller",
    "BaseController": "controllers controllers.base_controller",
    "HttpCallBack": "http http.http_call_back",
    "HttpClient": "http http.http_client",
    "HttpContext": "http http.http_context",
    "HttpMethodEnum": "http http.http_method_enum",
    "HttpRequest": "http http.http_request",
    "HttpResponse": "http http.http_response",
    "RequestsClient": "http http.requests_client",
    "lazy_property": "decorators",
    "UserModel": "models models.user_model",
    "EventModel": "models models.event_model",
    "StatusModel": "models models.status_model",
}


@pytest.mark.parametrize("name", PATHS)
def test_import_paths_of_moesifapi(name: str) -> None:
    exported = getattr(moesifapi, name)
    for module in ("moesif_api_client", *PATHS[name].split()):
        assert getattr(importlib.import_module(f"moesifapi.{module}"), name) is exported
        names: dict[str, object] = {}
        exec(f"from moesifapi.{module} import *", names)
        assert names[name] is exported
    names = {}
    exec("from moesifapi import *", names)
    assert names[name] is exported


def test_star_import_of_the_controllers_module() -> None:
    names: dict[str, object] = {}
    exec("from moesifapi.controllers.api_controller import *", names)
    assert names["APIHelper"] is moesifapi.APIHelper
    assert names["Configuration"] is Configuration
    assert names["APIException"] is moesifapi.APIException


def test_answer_of_the_requests_client_is_text_or_bytes(recorder: Recorder) -> None:
    client = RequestsClient()
    headers = {"X-Moesif-Application-Id": recorder.application_id}
    recorder.config = Answer(200, body=b"\xff{}")
    request = client.get(f"{recorder.uri}/v1/config?a=1", headers, {"b": "x y"})
    binary: object = client.execute_as_binary(request).raw_body
    assert binary == b"\xff{}"
    assert client.execute_as_string(request).raw_body == "\ufffd{}"
    assert recorder.fetches == ["/v1/config?a=1&b=x+y"] * 2


def test_update_helpers_of_moesifapi_log_failures(
    recorder: Recorder, connect: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    users = importlib.import_module("moesifapi.update_users").User()
    companies = importlib.import_module("moesifapi.update_companies").Company()
    api = connect(recorder).api
    users.update_user(USER, api, DEBUG=False)
    users.update_users_batch([{}], api, DEBUG=True)
    companies.update_company({"company_id": "1"}, api, None)
    companies.update_companies_batch([{"company_id": "1"}], api, None)
    assert [delivery.path for delivery in recorder.deliveries] == ["/v1/users", "/v1/companies", "/v1/companies/batch"]
    assert "user 0 of the batch has no user_id" in caplog.text


def test_api_helper_of_moesifapi() -> None:
    helper = moesifapi.APIHelper
    assert helper.json_serialize(None) is None
    assert helper.json_serialize("é") == '"é"'
    assert helper.json_serialize({"a": float("nan")}) == '{"a":null}'
    model = moesifapi.CampaignModel("google")
    assert (helper.json_serialize([model, 1]) or "").startswith('[{"utm_source":"google"')
    for nested in ({"c": model}, {"a": [{"c": model}]}, [{"c": model}]):
        with pytest.raises(TypeError, match="CampaignModel"):
            helper.json_serialize(nested)
    assert helper.json_deserialize(None) is None
    assert helper.json_deserialize("no JSON") == "no JSON"
    assert helper.json_deserialize('{"a": 1}') == {"a": 1}
    assert helper.json_deserialize("[1, 2]", str) == ["1", "2"]
    assert helper.json_deserialize("1", str) == "1"
    assert helper.clean_url("https://h//a///b?c=//d") == "https://h/a/b?c=//d"
    with pytest.raises(ValueError, match="Invalid Url format"):
        helper.clean_url("h/a")
    parameters = {"a": "x/y", "b": [1, 2], "c": None}
    assert helper.append_url_with_template_parameters("/{a}/{b}/{c}", parameters) == "/x%2Fy/1/2/"
    assert helper.form_encode({"b": [1, {"c": 2}], "d": None}, "a") == {"a[b][0]": 1, "a[b][1][c]": 2}
    assert moesifapi.HttpMethodEnum.from_string("post") == moesifapi.HttpMethodEnum.to_string("POST") == "POST"
    assert moesifapi.HttpMethodEnum.from_string("from_string") is None


def test_controller_prepares_and_checks_requests_of_other_clients() -> None:
    payload, headers = ApiController.generate_post_payload([moesifapi.UserModel("1")], {"X": "1"})
    assert json.loads(gzip.decompress(payload))[0]["user_id"] == "1"
    assert headers == {"X": "1", "Content-Encoding": "gzip"}
    request = moesifapi.HttpRequest("GET", "http://h/")
    ApiController().validate_response(moesifapi.HttpContext(request, moesifapi.HttpResponse(204, {}, "")))
    for response in (moesifapi.HttpResponse(304, {}, ""), None):
        with pytest.raises(moesifapi.APIException):
            ApiController().validate_response(moesifapi.HttpContext(request, response))


def test_missing_answer_is_a_connection_error() -> None:
    assert issubclass(APIConnectionError, (moesifapi.APIException, ConnectionError))
