"""Which rules apply to a call (docs/wire-contract.md, Governance; docs/guarantees.md, I-29)."""

from __future__ import annotations

import gzip
import json
import time
from typing import TYPE_CHECKING, Any

import pytest

from tests.gateway import make_environ, request
from tests.governance.rules import rule, when

if TYPE_CHECKING:
    from tests.governance.conftest import Govern

IDENTIFY = {
    "IDENTIFY_USER": lambda _app, environ, _headers: environ.get("HTTP_X_USER"),
    "IDENTIFY_COMPANY": lambda _app, environ, _headers: environ.get("HTTP_X_COMPANY"),
}
BLOCKED = "402 Payment Required"
PASSED = "200 OK"


def test_user_rules_win_over_company_rules_over_regex_rules(govern: Govern) -> None:
    application = govern(
        [rule("user", "u"), rule("company", "c1"), rule("company", "c2"), rule("regex", "r1"), rule("regex", "r2")],
        {
            "user_rules": {"ann": [{"rules": "u"}]},
            "company_rules": {"acme": [{"rules": "c2"}, {"rules": "c1"}]},
        },
        **IDENTIFY,
    )
    calls: list[tuple[dict[str, Any], bytes]] = [
        ({"HTTP_X_USER": "ann", "HTTP_X_COMPANY": "acme"}, b'"u"'),
        ({"HTTP_X_COMPANY": "acme"}, b'"c1"'),
        ({"HTTP_X_USER": "bob"}, b'"r2"'),
        ({}, b'"r2"'),
    ]
    for variables, body in calls:
        assert request(application, make_environ(**variables)).body == body


@pytest.mark.parametrize(
    ("fields", "blocked"),
    [
        ({"applied_to": "matching", "applied_to_unidentified": False}, "member"),
        ({"applied_to": "matching", "applied_to_unidentified": True}, "member anonymous empty"),
        ({"applied_to": "not_matching", "applied_to_unidentified": False}, "other"),
        ({"applied_to": "not_matching", "applied_to_unidentified": True}, "other anonymous empty"),
        ({}, "member"),
    ],
    ids=str,
)
@pytest.mark.parametrize("kind", ["user", "company"])
def test_cohorts_decide_to_whom_a_rule_applies(govern: Govern, kind: str, fields: dict[str, Any], blocked: str) -> None:
    application = govern([rule(kind, **fields)], {f"{kind}_rules": {"member": [{"rules": "r"}]}}, **IDENTIFY)
    header = f"HTTP_X_{kind.upper()}"
    calls: dict[str, dict[str, Any]] = {
        "member": {header: "member"},
        "other": {header: "other"},
        "anonymous": {},
        "empty": {header: ""},
    }
    found = [
        name for name, variables in calls.items() if request(application, make_environ(**variables)).body != b"hello"
    ]
    assert found == blocked.split()


@pytest.mark.parametrize(
    ("path", "pattern", "blocked"),
    [
        ("request.verb", "^PATCH$", True),
        ("request.verb", "patch", False),
        ("request.route", "^/v1/items$", True),
        ("request.route", r"^http://api\.example\.com/v1/items\?page=2$", True),
        ("request.route", r"example\.com", False),
        ("request.route", "^(?!/v1)", False),
        ("request.route", "^(?!/v2)", True),
        ("request.uri", r"items\?page=2$", True),
        ("request.ip_address", r"^203\.0\.113\.7$", True),
        ("request.ip", r"^203\.0\.113\.7$", True),
        ("request.headers.x-Api-Key", "^k-1$", True),
        ("request.headers.X-Missing", "", False),
        ("request.body.number", "^17$", True),
        ("request.body.flag", "^true$", True),
        ("request.body.text", "^é$", True),
        ("request.body.nothing", "", False),
        ("request.body.missing", "", False),
        ("response.status", "", False),
        ("request.colour", "", False),
    ],
)
def test_condition_is_tested_on_its_field(govern: Govern, path: str, pattern: str, *, blocked: bool) -> None:
    conditions = [{"path": path, "value": pattern}, {"path": "request.verb", "value": "."}]
    application = govern([rule(regex_config=[{"conditions": conditions}])])
    body = json.dumps({"number": 17, "flag": True, "text": "é", "nothing": None}).encode()
    variables = {
        "QUERY_STRING": "page=2",
        "HTTP_X_API_KEY": "k-1",
        "HTTP_X_FORWARDED_FOR": "203.0.113.7",
        "CONTENT_TYPE": "application/json",
    }
    answer = request(application, make_environ("PATCH", "/v1/items", body, **variables))
    assert answer.status == (BLOCKED if blocked else PASSED)


@pytest.mark.parametrize(
    ("content_type", "encoding", "body", "blocked"),
    [
        ("application/json", None, b'{"query": "{ secret }"}', True),
        ("application/json", "gzip", gzip.compress(b'{"query": "{ secret }"}'), True),
        (None, None, b'{"query": "{ secret }"}', True),
        ("application/graphql", None, b"{ secret }", True),
        ("application/graphql; charset=utf-8", "gzip", gzip.compress(b"{ secret }"), True),
        ("text/plain", None, b"{ secret }", False),
        ("application/json", None, b'[{"query": "{ secret }"}]', False),
        ("application/json", None, b'{"other": "secret"}', False),
        ("application/json", None, b"\xff", False),
        ("application/json", "gzip", b"secret", False),
        ("application/json", None, b"", False),
        # A lone surrogate or deep nesting does not bypass a rule.
        ("application/json", None, b'{"query": "secret \\ud800", "\\udfff": 1}', True),
        ("application/json", None, b'{"query": "secret", "z": ' + b"[" * 900 + b"]" * 900 + b"}", True),
    ],
)
def test_graphql_query_in_body_is_matched(
    govern: Govern, content_type: str | None, encoding: str | None, body: bytes, *, blocked: bool
) -> None:
    application = govern([rule(regex_config=when(body__query="secret"))])
    environ = make_environ("POST", "/", body, CONTENT_TYPE=content_type, HTTP_CONTENT_ENCODING=encoding)
    assert request(application, environ).status == (BLOCKED if blocked else PASSED)


def test_user_in_token_is_found(govern: Govern) -> None:
    application = govern([rule("user")], {"user_rules": {"ann": [{"rules": "r"}]}})
    assert request(application, make_environ(HTTP_AUTHORIZATION="Basic YW5uOnNlY3JldA==")).status == BLOCKED
    assert request(application).status == PASSED


def test_id_that_is_not_text_is_compared_as_text(govern: Govern) -> None:
    application = govern([rule("user")], {"user_rules": {"42": [{"rules": "r"}]}}, IDENTIFY_USER=lambda *_arguments: 42)
    assert request(application).status == BLOCKED


#: Documents that make some other SDK fail or apply the wrong rules: the rules, the configuration, and the body of the
#: right response.
OTHERS_FAIL: dict[str, tuple[list[Any], dict[str, Any], bytes]] = {
    "no applied_to": (
        [{"_id": "r", "type": "user", "block": True, "response": {"body": 1}}],
        {"user_rules": {"ann": [{"rules": "r"}]}},
        b"1",
    ),
    "an entry for a rule that is gone": (
        [rule("user")],
        {"user_rules": {"ann": [{"rules": "gone"}, {"rules": "r"}]}},
        b'"r"',
    ),
    "an entry that does not apply before one that does": (
        [
            rule("user", "get", regex_config=when(verb="^PUT$")),
            rule("user", "outside", applied_to="not_matching"),
            rule("user"),
        ],
        {"user_rules": {"ann": [{"rules": "get"}, {"rules": "outside"}, {"rules": "r"}]}},
        b'"r"',
    ),
    "a number in the body": ([rule(regex_config=when(body__n="^1$"))], {}, b'"r"'),
    "an address": ([rule(regex_config=when(ip_address="192"))], {}, b'"r"'),
    "a path": ([rule(regex_config=when(route="^/path$"))], {}, b'"r"'),
    "an invalid pattern before a valid one": (
        [rule(regex_config=when(verb="(")), rule(regex_config=when(verb="POST"))],
        {},
        b'"r"',
    ),
    "a value that is not text": (
        [rule("user", variables=[{"name": "0"}], response={"body": "{{0}}"})],
        {"user_rules": {"ann": [{"rules": "r", "values": {"0": 7}}]}},
        b'"7"',
    ),
    "an array in the body": (
        [rule(variables=[{"name": "0"}], response={"body": [["{{0}}"], {"a": ["x"]}]})],
        {},
        b'[["UNKNOWN"], {"a": ["x"]}]',
    ),
    "no status and no body": ([rule(response={})], {}, b"null"),
    "no response": ([rule(response=None)], {}, b"null"),
    "no cohorts": ([rule("user", applied_to="not_matching")], {"user_rules": None}, b'"r"'),
    "an unknown kind of rule": ([rule("plan", "p"), rule()], {}, b'"r"'),
    "values that are not rules": ([None, 7, {}, {"_id": "x"}, rule()], {}, b'"r"'),
    "an empty list of restrictions": ([rule(regex_config=[])], {}, b'"r"'),
    "a restriction without conditions": ([rule(regex_config=[{"conditions": []}])], {}, b'"r"'),
    "two conditions on one field": (
        [
            rule(),
            rule(
                "regex",
                "both",
                regex_config=[
                    {
                        "conditions": [
                            {"path": "request.verb", "value": "GET"},
                            {"path": "request.verb", "value": "POST"},
                        ]
                    }
                ],
            ),
        ],
        {},
        b'"r"',
    ),
    "a value with tags": (
        [rule("user", variables=[{"name": "0"}, {"name": "1"}], response={"body": "{{0}}{{1|none}}"})],
        {"user_rules": {"ann": [{"rules": "r", "values": {"0": "{{1}}"}}]}},
        b'"{{1}}none"',
    ),
    "braces that are not tags": (
        [rule(variables=[{"name": "0"}], response={"body": "{0} {{x}} {}"})],
        {},
        b'"{0} {{x}} {}"',
    ),
    "a part of the subject": ([rule(regex_config=when(route="pat"))], {}, b'"r"'),
}


@pytest.mark.parametrize("case", OTHERS_FAIL)
def test_documents_that_other_sdks_fail_on(govern: Govern, case: str) -> None:
    rules, config, body = OTHERS_FAIL[case]
    application = govern(rules, config, IDENTIFY_USER=lambda *_arguments: "ann")
    variables = {"CONTENT_TYPE": "application/json"}
    answer = request(application, make_environ("POST", "/path", b'{"n": 1}', **variables))
    assert (answer.body, answer.status[:3]) == (body, "402" if body == b'"r"' else "429")


@pytest.mark.parametrize(
    ("pattern", "reason"),
    [
        ("GE(T", "the pattern of request.route cannot be used: the group has no closing parenthesis, at position 2"),
        (r"\N{SOLIDUS}", r"the pattern of request.route cannot be used: \N{…} is not supported, at position 0"),
        ("(" * 10_000, "the pattern of request.route cannot be used: the pattern is longer than 8192 bytes"),
        # Valid, but the search is too expensive.
        (
            r"^/(a|a)*\1$",
            "the pattern of request.route is too expensive: a search was stopped and the condition did not match",
        ),
    ],
    ids=["malformed", "unsupported", "too long", "too slow"],
)
def test_unusable_pattern_never_matches_and_is_logged_once(
    govern: Govern, caplog: pytest.LogCaptureFixture, pattern: str, reason: str
) -> None:
    application = govern([rule(identifier="odd-one", regex_config=when(route=pattern))])

    def messages() -> list[str]:
        assert request(application, make_environ("GET", "/" + "a" * 40 + "b")).status == PASSED
        return [record.getMessage() for record in caplog.records if "odd-one" in record.getMessage()]

    # The message may come a moment after the rules are in force.
    deadline = time.monotonic() + 30
    while not messages():
        assert time.monotonic() < deadline
    assert len(messages()) == len(messages()) == 1
    assert f"rule odd-one: {reason}" in messages()[0]
