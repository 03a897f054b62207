"""Code that other people wrote against moesifapi: controllers of their own, and star imports."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from moesif.client import APIConnectionError, ApiController, Configuration, MoesifAPIClient
from moesifapi.controllers.base_controller import (
    APIException,
    APIHelper,
    BaseController,
    HttpContext,
    RequestsClient,
)
from moesifwsgi import MoesifMiddleware
from tests.collector import ROOT
from tests.gateway import hello
from tests.recorder import Answer

if TYPE_CHECKING:
    from moesif.client import HttpResponse
    from tests.collector import Nowhere
    from tests.recorder import Recorder


class ReportController(BaseController):
    """A controller as other packages write them: it reads the address and the id from ``Configuration``."""

    def __init__(self, http_client: Any = None, http_call_back: Any = None) -> None:
        BaseController.__init__(self, http_client, http_call_back)

    def send(self, body: object, *, binary: bool = False, compressed: bool = False) -> HttpResponse:
        headers = {
            "content-type": "application/json; charset=utf-8",
            "X-Moesif-Application-Id": Configuration.application_id,
            "User-Agent": "reports/1.0",
        }
        payload: Any = APIHelper.json_serialize(body)
        if compressed:
            payload, headers = ApiController.generate_post_payload(body, headers)
        url = APIHelper.clean_url(f"{Configuration.BASE_URI}//v1/users")
        assert self.http_client is not None
        request = self.http_client.post(url, headers=headers, parameters=payload)
        execute = self.http_client.execute_as_binary if binary else self.http_client.execute_as_string
        context = HttpContext(request, execute(request))
        self.validate_response(context)
        assert context.response is not None
        return context.response

    def fetch(self) -> HttpResponse:
        assert self.http_client is not None
        headers = {"x-moesif-application-id": Configuration.application_id}
        return self.http_client.execute_as_string(self.http_client.get(f"{Configuration.BASE_URI}/v1/config", headers))


def test_controller_of_another_package_works(recorder: Recorder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Configuration, "BASE_URI", recorder.uri)
    recorder.config = Answer(200, body=b'{"sample_rate": 50}')
    MoesifAPIClient(recorder.application_id)
    assert Configuration.application_id == recorder.application_id
    controller = ReportController()
    assert isinstance(controller.http_client, RequestsClient)
    assert controller.send({"user_id": "1"}).raw_body == "{}"
    binary: object = controller.send({"user_id": "2"}, binary=True).raw_body
    assert binary == b"{}"
    assert controller.send({"user_id": "3"}, compressed=True).status_code == 201
    assert json.loads(controller.fetch().raw_body) == {"sample_rate": 50}
    assert [json.loads(delivery.json) for delivery in recorder.deliveries] == [{"user_id": str(n)} for n in (1, 2, 3)]
    assert {delivery.headers["X-Moesif-Application-Id"] for delivery in recorder.deliveries} == {
        recorder.application_id
    }
    assert {delivery.headers["User-Agent"] for delivery in recorder.deliveries} == {"reports/1.0"}


def test_controller_of_another_package_raises_for_errors(
    recorder: Recorder, nowhere: Nowhere, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Configuration, "BASE_URI", recorder.uri)
    MoesifAPIClient(recorder.application_id)
    recorder.answer_with(then=400)
    with pytest.raises(APIException) as refused:
        ReportController().send({"user_id": "1"})
    assert refused.value.response_code == 400
    monkeypatch.setattr(Configuration, "BASE_URI", nowhere.uri)
    monkeypatch.setattr(Configuration, "timeout", 0.3)
    with pytest.raises(APIConnectionError):
        ReportController().send({"user_id": "1"})


def test_controller_of_another_package_uses_the_newest_client_and_clients_do_not_mix(
    recorder: Recorder, another_recorder: Recorder
) -> None:
    first = MoesifAPIClient(recorder.application_id)
    first.configuration.BASE_URI = recorder.uri
    second = MoesifAPIClient(another_recorder.application_id)
    second.configuration.BASE_URI = another_recorder.uri
    assert Configuration.application_id == another_recorder.application_id
    first.api.update_user({"user_id": "1"})
    second.api.update_user({"user_id": "2"})
    first.api.update_user({"user_id": "3"})
    assert [json.loads(delivery.json)["user_id"] for delivery in recorder.deliveries] == ["1", "3"]
    assert [json.loads(delivery.json)["user_id"] for delivery in another_recorder.deliveries] == ["2"]


def test_controller_of_another_package_sends_where_the_middleware_sends(recorder: Recorder) -> None:
    MoesifMiddleware(hello, {"APPLICATION_ID": recorder.application_id, "BASE_URI": recorder.uri})
    ReportController().send({"user_id": "1"})
    assert len(recorder.deliveries) == 1


def test_address_that_a_program_has_set_stays(recorder: Recorder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Configuration, "BASE_URI", recorder.uri)
    MoesifMiddleware(hello, {"APPLICATION_ID": recorder.application_id, "BASE_URI": "http://127.0.0.1:1"})
    ReportController().send({"user_id": "1"})
    assert len(recorder.deliveries) == 1


def test_replaced_method_of_the_http_client_is_called(recorder: Recorder, monkeypatch: pytest.MonkeyPatch) -> None:
    """Test suites replace ``execute_as_string`` so that nothing is sent."""
    seen: list[str] = []

    def execute(self: RequestsClient, request: Any) -> HttpResponse:
        seen.append(request.query_url)
        return real(self, request)

    real = RequestsClient.execute_as_string
    monkeypatch.setattr(Configuration, "BASE_URI", recorder.uri)
    monkeypatch.setattr(RequestsClient, "execute_as_string", execute)
    MoesifAPIClient(recorder.application_id).api.update_user({"user_id": "1"})
    assert seen == [f"{recorder.uri}/v1/users"]


# Prints, as JSON, the names that a star import of each public module of moesifapi offers.
STAR_IMPORTS = """
import json, pkgutil
import moesifapi
offered = {}
for name in ["moesifapi", *(module.name for module in pkgutil.walk_packages(moesifapi.__path__, "moesifapi."))]:
    names = {}
    exec(f"from {name} import *", names)
    offered[name] = sorted(names.keys() - {"__builtins__"})
print(json.dumps(offered))
"""
#: Names of parts that belong to the old implementation (docs/migrating.md, "Inner modules of moesifapi").
INNER_NAMES = {"app_config"}


def _run(source: str, interpreter: str | Path = sys.executable, *arguments: str) -> str:
    command = [interpreter, *arguments, "-c", source]
    ended = subprocess.run(command, cwd="/", capture_output=True, text=True, timeout=90, check=False)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def test_star_imports_offer_what_those_of_moesifapi_offer() -> None:
    theirs = json.loads(_run(STAR_IMPORTS, ROOT / ".venv-upstream" / "bin" / "python"))
    # python-dateutil is not in the environment of the tests, so a stand-in is.
    stand_in = (
        "import sys, types\nfor name in ('dateutil', 'dateutil.parser'): sys.modules[name] = types.ModuleType(name)"
    )
    ours = json.loads(_run(f"{stand_in}\n{STAR_IMPORTS}"))
    assert len(ours) > 20
    missing = {module: set(theirs[module]) - set(names) - INNER_NAMES for module, names in ours.items()}
    assert {module: names for module, names in missing.items() if names} == {}


def test_star_import_gives_the_real_requests() -> None:
    """As in public Lambda code: ``requests`` comes from the star import alone."""
    source = """
from moesifapi.moesif_api_client import *
print(requests.get.__module__, HTTPAdapter.__name__, Retry(3).total)
"""
    assert _run(source) == "requests.api HTTPAdapter 3\n"


def test_requests_is_not_imported_before_a_program_asks_for_it() -> None:
    source = """
import sys, moesifapi, moesifwsgi, moesifapi.update_users
print('requests' in sys.modules, moesifapi.requests.__name__)
"""
    assert _run(source) == "False requests\n"


def test_star_imports_work_without_requests_and_dateutil(tmp_path: Path) -> None:
    for package in ("moesif", "moesifapi"):
        (tmp_path / package).symlink_to(Path(importlib.import_module(package).__path__[0]))
    source = (
        f"import sys; sys.path.append({str(tmp_path)!r})"
        """
from moesifapi.moesif_api_client import *
print(MoesifAPIClient.__name__, uuid.__name__, "requests" in globals(), "dateutil" in globals())
import moesifapi
try:
    moesifapi.requests
except AttributeError as error:
    print(error)
"""
    )
    # Without site-packages.
    assert _run(source, sys.executable, "-S").splitlines() == [
        "MoesifAPIClient uuid False False",
        "module 'moesifapi' offers 'requests' only if requests is installed: pip install requests",
    ]
