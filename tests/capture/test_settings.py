"""Settings: invalid values, their messages, and the sources of options (docs/options.md)."""

from __future__ import annotations

import json
import os
import re
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import django.conf.global_settings
import flask
import pytest

from moesif.client import Configuration
from moesifpythonrequest.start_capture.start_capture import StartCapture
from moesifwsgi import MoesifMiddleware
from tests.collector import ROOT
from tests.gateway import hello, make_environ, request

if TYPE_CHECKING:
    from tests.conftest import RunProgram, Wrap
    from tests.recorder import Recorder

#: The environment that has the replaced packages.
UPSTREAM = ROOT / ".venv-upstream"


@pytest.fixture(autouse=True)
def _no_options_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("MOESIF_")]:
        monkeypatch.delenv(name)


@pytest.mark.parametrize(
    "settings", [None, {}, {"APPLICATION_ID": None}, {"APPLICATION_ID": ""}, {"APPLICATION_ID": " "}]
)
def test_missing_application_id_raises_and_the_message_says_where_to_find_it(
    settings: dict[str, Any] | None,
) -> None:
    with pytest.raises(ValueError, match=r"APPLICATION_ID is missing.*Collector Application ID"):
        MoesifMiddleware(hello, settings)


@pytest.mark.parametrize("settings", [5, "text", [("APPLICATION_ID", "x")]], ids=repr)
def test_settings_that_are_not_a_mapping_raise(settings: Any) -> None:
    with pytest.raises(TypeError, match="settings"):
        MoesifMiddleware(hello, settings)


@pytest.mark.parametrize(
    ("option", "value", "expected"),
    [
        ("APPLICATION_ID", True, "text"),
        ("APPLICATION_ID", "a\r\nX-Injected: 1", "printable"),
        ("BASE_URI", "localhost:9500", "http"),
        ("BASE_URI", "api.moesif.net", "http"),
        ("BASE_URI", "ftp://h", "http"),
        ("BASE_URI", "http://", "http"),
        ("BASE_URI", "http://h?q=1", "query"),
        ("LOCAL_MOESIF_BASEURL", "localhost", "http"),
        ("LOG_BODY", "maybe", "True or False, 1 or 0, or one of the words true, yes, on, false, no, off"),
        ("LOG_BODY", 2, "True or False"),
        ("SKIP", True, "function"),
        ("IDENTIFY_USER", "name", "function"),
        ("BATCH_SIZE", 0, "from 1"),
        ("BATCH_SIZE", "ten", "whole number"),
        ("BATCH_SIZE", 10.5, "whole number"),
        ("BATCH_SIZE", Decimal("10.5"), "whole number"),
        ("APPLICATION_ID", b"\xff", "text"),
        ("BATCH_SIZE", 10**30, "whole number"),
        ("BATCH_SIZE", True, "whole number"),
        ("EVENT_QUEUE_SIZE", True, "from 1"),
        ("EVENT_QUEUE_BYTES", 1000, "from 1048576"),
        ("EVENT_BATCH_TIMEOUT", -0.5, "from 0"),
        ("EVENT_BATCH_TIMEOUT", float("nan"), "number"),
        ("FLUSH_TIMEOUT", 61, "60"),
        ("REQUEST_MAX_BODY_SIZE", 1_000_001, "1000000"),
        ("AUTHORIZATION_HEADER_NAME", 5, "list"),
        ("SENSITIVE_DATA", "shred", "send, hash, remove"),
    ],
)
def test_invalid_value_raises_with_the_option_and_what_is_expected(
    recorder: Recorder, option: str, value: object, expected: str
) -> None:
    settings = {"APPLICATION_ID": "id", "BASE_URI": recorder.uri} | {option: value}
    if option == "LOCAL_MOESIF_BASEURL":
        del settings["BASE_URI"]
    with pytest.raises(ValueError, match=option) as refused:
        MoesifMiddleware(hello, settings)
    assert expected in str(refused.value)


class _Ten:
    """A whole number of another library, such as numpy's."""

    def __index__(self) -> int:
        return 10


@pytest.mark.parametrize(
    ("option", "value", "warning"),
    [
        ("BATCH_SIZE", 10.0, "10 is used"),
        ("BATCH_SIZE", "10", "10 is used"),
        ("BATCH_SIZE", 1_000_000, "100000 is used"),
        ("BATCH_SIZE", _Ten(), None),
        ("EVENT_QUEUE_SIZE", 0, "only EVENT_QUEUE_BYTES limits the queue"),
        ("EVENT_QUEUE_SIZE", -1, "only EVENT_QUEUE_BYTES limits the queue"),
        ("EVENT_WORKER_COUNT", 0, "1 is used"),
        ("EVENT_BATCH_TIMEOUT", "0.01", "0.01 is used"),
        ("EVENT_BATCH_TIMEOUT", Decimal("0.01"), None),
        ("FLUSH_TIMEOUT", "1", "1.0 is used"),
        ("LOG_BODY", 1.0, "True is used"),
        ("API_VERSION", 2, "'2' is used"),
        ("SKIP", False, "it is ignored"),
    ],
    ids=repr,
)
def test_value_that_only_the_replaced_packages_take_is_used_with_a_warning(  # noqa: PLR0913, PLR0917 - fixtures and parameters
    recorder: Recorder, wrap: Wrap, caplog: pytest.LogCaptureFixture, option: str, value: object, warning: str | None
) -> None:
    request(wrap(hello, **{option: value}))
    recorder.wait_for(1)
    warnings = [record.getMessage() for record in caplog.records if record.name == "moesif.settings"]
    assert len(warnings) == (warning is not None)
    assert all(message.startswith(f"{option} is {value!r}: ") and str(warning) in message for message in warnings)


def test_longest_batch_timeout_replaces_a_longer_one(wrap: Wrap, caplog: pytest.LogCaptureFixture) -> None:
    wrap(hello, EVENT_BATCH_TIMEOUT=7200)
    assert "EVENT_BATCH_TIMEOUT is 7200: expected a number of seconds from 0 to 3600" in caplog.text
    assert "3600.0 is used" in caplog.text


def test_whole_number_may_be_a_decimal(wrap: Wrap, caplog: pytest.LogCaptureFixture) -> None:
    wrap(hello, BATCH_SIZE=Decimal(10))
    assert "BATCH_SIZE is 10.0: expected a whole number of events from 1 to 100000. 10 is used" in caplog.messages


def test_text_may_be_given_as_bytes(recorder: Recorder, wrap: Wrap) -> None:
    recorder.ids = ["bytes"]
    request(wrap(hello, APPLICATION_ID=b"bytes"))
    recorder.wait_for(1)


def test_application_id_may_be_a_number(recorder: Recorder, wrap: Wrap, caplog: pytest.LogCaptureFixture) -> None:
    recorder.ids = ["5"]
    middleware = wrap(hello, APPLICATION_ID=5)
    assert "APPLICATION_ID is 5: expected text. '5' is used" in caplog.messages
    request(middleware)
    recorder.wait_for(1)
    middleware.update_user({"user_id": "ann"})
    assert [delivery.path for delivery in recorder.accepted] == ["/v1/events/batch", "/v1/users"]
    assert {delivery.headers["X-Moesif-Application-Id"] for delivery in recorder.accepted} == {"5"}


@pytest.mark.parametrize("given", [5, 5.0, _Ten()])
def test_configuration_shows_the_application_id_that_is_used(given: object) -> None:
    MoesifMiddleware(hello, {"APPLICATION_ID": given, "BASE_URI": "http://127.0.0.1:9"})
    assert Configuration.application_id == ("10" if isinstance(given, _Ten) else str(given))


def test_queue_size_zero_does_not_drop_events(recorder: Recorder, wrap: Wrap) -> None:
    application = wrap(hello, EVENT_QUEUE_SIZE=0, EVENT_BATCH_TIMEOUT=0.5, EVENT_WORKER_COUNT=0)
    for _ in range(50):
        request(application)
    assert len(recorder.wait_for(50)) == 50


#: Misspelt options that decide where data goes or what is recorded, and the options that are meant.
MISSPELT = {
    "application_id": "APPLICATION_ID",
    "APPLICATON_ID": "APPLICATION_ID",
    "MOESIF_APPLICATION_ID": "APPLICATION_ID",
    "BASE_URL": "BASE_URI",
    "base_uri": "BASE_URI",
    "LOCAL_MOESIF_BASE_URL": "LOCAL_MOESIF_BASEURL",
    "SKIPP": "SKIP",
    "SKP": "SKIP",
    "skip_outgoing": "SKIP_OUTGOING",
    "LOG_BODYS": "LOG_BODY",
    "log_body": "LOG_BODY",
    "LOG_BODY_OUTGOIN": "LOG_BODY_OUTGOING",
    "LOG_BODIES": "LOG_BODY",
    "LOG_BODIES_OUTGOING": "LOG_BODY_OUTGOING",
    "MASK_EVENT": "MASK_EVENT_MODEL",
    "MASK_EVENTS": "MASK_EVENT_MODEL",
    "MASK_MODEL": "MASK_EVENT_MODEL",
    "EVENT_MASK": "MASK_EVENT_MODEL",
    "REQUEST_MASKS": "REQUEST_HEADER_MASKS, REQUEST_BODY_MASKS or REQUEST_QUERY_MASKS",
    "MASK_HEADERS": "REQUEST_HEADER_MASKS or RESPONSE_HEADER_MASKS",
    "MASK_EVENT_MODLE": "MASK_EVENT_MODEL",
    "REQUEST_HEADER_MASK": "REQUEST_HEADER_MASKS",
    "RESPONSE_HEADERS_MASKS": "RESPONSE_HEADER_MASKS",
    "REQUEST_BODY_MASK": "REQUEST_BODY_MASKS",
    "RESPONSE_BODY_MAKSS": "RESPONSE_BODY_MASKS",
    "REQUEST_QUERY_MASK": "REQUEST_QUERY_MASKS",
    "IDENTITY_USER": "IDENTIFY_USER",
    "IDENTIFY_USERS": "IDENTIFY_USER",
    "IDENTIFY_COMPANIES": "IDENTIFY_COMPANY",
    "IDENTIFY_COMPANY_OUTGOIN": "IDENTIFY_COMPANY_OUTGOING",
}


@pytest.mark.parametrize("key", MISSPELT)
@pytest.mark.parametrize("is_complete", [True, False])
def test_misspelt_option_that_protects_data_raises(recorder: Recorder, key: str, *, is_complete: bool) -> None:
    complete = {"APPLICATION_ID": "id", "BASE_URI": recorder.uri} if is_complete else {}
    expected = f'{key}" is not an option: did you mean {MISSPELT[key]}\\? Correct the name, or remove it'
    with pytest.raises(ValueError, match=expected):
        MoesifMiddleware(hello, {**complete, key: "value"})
    with pytest.raises(ValueError, match=expected):
        StartCapture().start_capture_outgoing({**complete, key: "value"})


@pytest.mark.parametrize("name", ["BASE_URL", "APPLICATON_ID", "REQUEST_BODY_MASK"])
def test_misspelt_variable_raises_unless_the_option_is_set(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(f"MOESIF_{name}", "value")
    meant = MISSPELT[name]
    given = {"APPLICATION_ID": "id"} if meant != "APPLICATION_ID" else {}
    with pytest.raises(ValueError, match=f"MOESIF_{name} is not an option: did you mean MOESIF_{meant}"):
        MoesifMiddleware(hello, given)
    # A program may read a variable with this prefix itself, and pass its value.
    MoesifMiddleware(hello, {**given, meant: "http://127.0.0.1:9"})


@pytest.mark.parametrize("given", ["BASE_URI", "LOCAL_MOESIF_BASEURL"])
@pytest.mark.parametrize("variable", ["MOESIF_BASE_URL", "MOESIF_LOCAL_MOESIF_BASE_URL"])
def test_misspelt_address_in_the_environment_is_ignored_if_the_dictionary_has_either_name(
    recorder: Recorder, monkeypatch: pytest.MonkeyPatch, given: str, variable: str
) -> None:
    monkeypatch.setenv(variable, recorder.uri)
    settings = {"APPLICATION_ID": recorder.application_id, "EVENT_BATCH_TIMEOUT": 0}
    request(MoesifMiddleware(hello, {**settings, given: recorder.uri}))
    assert len(recorder.wait_for(1)) == 1


def test_missing_application_id_names_the_unknown_keys() -> None:
    with pytest.raises(ValueError, match=r'APPLICATION_ID is missing \("APP_ID" is not an option\): set it to'):
        MoesifMiddleware(hello, {"APP_ID": "my-app"})


#: Keys of Flask-RESTX and of applications.
_UNRELATED = ["SUBNET_MASK", "RESTX_MASK_HEADER", "RESTX_MASK_SWAGGER", "BASE_DIR", "ROOT_URLCONF", "SHIP"]


def test_settings_of_flask_and_django_are_not_misspelt_options(recorder: Recorder) -> None:
    unrelated = [*flask.Flask(__name__).config, *dir(django.conf.global_settings), *_UNRELATED]
    given = {name: "value" for name in unrelated if name.isupper() and name != "DEBUG"}
    assert len(given) > 150
    MoesifMiddleware(hello, {**given, "APPLICATION_ID": "id", "BASE_URI": recorder.uri})


@pytest.mark.parametrize("package", ["moesifwsgi", "moesifdjango", "moesifpythonrequest"])
def test_every_option_that_a_replaced_package_reads_is_accepted(
    package: str, recorder: Recorder, caplog: pytest.LogCaptureFixture
) -> None:
    [directory] = UPSTREAM.glob(f"lib/python*/site-packages/{package}")
    source = "".join(path.read_text() for path in directory.rglob("*.py"))
    keys = set(re.findall(r"""(?:settings|options)\.get\(\s*['"]([A-Z_]+)['"]""", source))
    assert len(keys) > 7
    MoesifMiddleware(hello, {**dict.fromkeys(keys), "APPLICATION_ID": "id", "BASE_URI": recorder.uri})
    assert caplog.messages == []


def test_credentials_in_a_base_uri_are_not_in_the_error() -> None:
    with pytest.raises(ValueError, match="BASE_URI is 'https://…@h:9500/p'") as refused:
        MoesifMiddleware(hello, {"APPLICATION_ID": "id", "BASE_URI": "https://user:secret@h:9500/p"})
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize("prefix", ["", "/", "/collector", "/collector/", "//collector//deep/"])
def test_base_uri_may_have_a_path_prefix(recorder: Recorder, wrap: Wrap, prefix: str) -> None:
    request(wrap(hello, BASE_URI=recorder.uri + prefix))
    recorder.wait_for(1)
    path = "/".join(part for part in prefix.split("/") if part)
    assert recorder.deliveries[0].path == f"/{path}/v1/events/batch".replace("//", "/")


@pytest.mark.parametrize("missing", ["absent", None, ""])
def test_local_moesif_baseurl_is_used_if_base_uri_is_missing(
    recorder: Recorder, wrap: Wrap, missing: str | None
) -> None:
    base = {} if missing == "absent" else {"BASE_URI": missing}
    settings = {"APPLICATION_ID": recorder.application_id, "EVENT_BATCH_TIMEOUT": 0, **base}
    request(MoesifMiddleware(hello, {**settings, "LOCAL_MOESIF_BASEURL": recorder.uri}))
    assert len(recorder.wait_for(1)) == 1
    request(wrap(hello, LOCAL_MOESIF_BASEURL="http://127.0.0.1:1"))
    assert len(recorder.wait_for(2)) == 2


def test_options_come_from_the_environment_unless_the_dictionary_has_them(
    recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    variables = {
        "APPLICATION_ID": recorder.application_id,
        "BASE_URI": recorder.uri,
        "LOG_BODY": "false",
        "API_VERSION": "from the environment",
        "EVENT_BATCH_TIMEOUT": "0.02",
        "AUTHORIZATION_HEADER_NAME": "X-Api-Key, Authorization",
        "DISABLE_TRANSACTION_ID": "yes",
        "BATCH_SIZE": "3",
    }
    for name, text in variables.items():
        monkeypatch.setenv(f"MOESIF_{name}", text)
    answer = request(
        MoesifMiddleware(hello, {"API_VERSION": "from the dictionary"}),
        make_environ(HTTP_X_API_KEY="Basic YW5uOng="),
    )
    assert answer.header("X-Moesif-Transaction-Id") == []
    [event] = recorder.wait_for(1)
    assert event["request"]["api_version"] == "from the dictionary"
    assert event["user_id"] == "ann"
    assert "body" not in event["response"]


@pytest.mark.parametrize(("name", "text"), [("BATCH_SIZE", "many"), ("LOG_BODY", "perhaps"), ("BASE_URI", "h:1")])
def test_invalid_variable_raises_with_the_option(monkeypatch: pytest.MonkeyPatch, name: str, text: str) -> None:
    monkeypatch.setenv(f"MOESIF_{name}", text)
    with pytest.raises(ValueError, match=f"{name}.*{text}"):
        MoesifMiddleware(hello, {"APPLICATION_ID": "id"})


def test_none_means_not_set(recorder: Recorder, wrap: Wrap) -> None:
    options = [
        "SKIP",
        "IDENTIFY_USER",
        "BATCH_SIZE",
        "LOG_BODY",
        "EVENT_QUEUE_SIZE",
        "AUTHORIZATION_HEADER_NAME",
        "DEBUG",
    ]
    request(wrap(hello, **dict.fromkeys(options)), make_environ(HTTP_AUTHORIZATION="Basic YW5uOng="))
    [event] = recorder.wait_for(1)
    assert event["user_id"] == "ann"
    assert "body" in event["response"]


def test_documented_settings_are_accepted_without_warnings(
    recorder: Recorder, wrap: Wrap, caplog: pytest.LogCaptureFixture
) -> None:
    request(
        wrap(
            hello,
            LOG_BODY=True,
            DEBUG=False,
            IDENTIFY_USER=lambda _app, _environ, _headers: "12345",
            IDENTIFY_COMPANY=lambda _app, _environ, _headers: "67890",
            GET_SESSION_TOKEN=lambda _app, _environ: "token",
            SKIP=lambda _app, _environ: False,
            GET_METADATA=lambda _app, _environ: {"datacenter": "westus"},
            CAPTURE_OUTGOING_REQUESTS=False,
            AUTHORIZATION_HEADER_NAME="authorization",
            AUTHORIZATION_USER_ID_FIELD="sub",
            BATCH_SIZE=100,
            EVENT_QUEUE_SIZE=1_000_000,
            EVENT_WORKER_COUNT=2,
            EVENT_BATCH_TIMEOUT=0.02,
        )
    )
    assert [record for record in caplog.records if record.name == "moesif.settings"] == []
    [event] = recorder.wait_for(1)
    assert (event["user_id"], event["company_id"]) == ("12345", "67890")


# Serves two requests and prints what the first one and both of them log about the settings.
PROGRAM = """
import json, logging
from moesifwsgi import MoesifMiddleware
from tests.gateway import hello, request

logged = []
class Keep(logging.Handler):
    def emit(self, record):
        logged.append((record.levelname, record.getMessage()))
logger = logging.getLogger("moesif.settings")
logger.addHandler(Keep())
logger.setLevel(logging.INFO)

application = MoesifMiddleware(hello, {})
request(application)
first = list(logged)
request(application)
print(json.dumps([first, logged]))
"""


def test_the_first_request_without_masks_logs_what_is_recorded(run_program: RunProgram, recorder: Recorder) -> None:
    ended = run_program(PROGRAM, to=recorder)
    assert ended.code == 0, ended.errors
    first, both = json.loads(ended.output)
    [(level, message)] = first
    assert level == "INFO"
    assert f"bodies, the Authorization header and cookies are recorded and sent to {recorder.uri}" in message
    assert "LOG_BODY" in message
    assert "MASK_EVENT_MODEL" in message
    assert both == first


@pytest.mark.parametrize("options", [{"LOG_BODY": False}, {"REQUEST_HEADER_MASKS": "authorization"}], ids=str)
def test_nothing_is_logged_if_bodies_or_headers_are_left_out(
    run_program: RunProgram, recorder: Recorder, options: dict[str, Any]
) -> None:
    ended = run_program(PROGRAM, to=recorder, **options)
    assert (ended.code, json.loads(ended.output)) == (0, [[], []]), ended.errors
