"""The examples of the client do what they show, started with the commands their own first lines give."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.collector import ROOT
from tests.server import environment

if TYPE_CHECKING:
    from tests.collector import Collector

CLIENT = ROOT / "examples" / "client"


def _command(example: str) -> str:
    """The command in an example's docstring that starts it."""
    documentation = ast.get_docstring(ast.parse((CLIENT / f"{example}.py").read_text()))
    assert documentation
    collector, command = (line.strip() for line in documentation.splitlines() if line.startswith("    "))
    assert collector == "target/release/moesif-collector"
    return command


def _run(example: str, collector: Collector, tmp_path: Path) -> subprocess.CompletedProcess[str]:
    program, *arguments = _command(example).removeprefix(".venv/bin/").split()
    variables = environment(collector.uri, collector.application_id, {}) | {"DATABASE": str(tmp_path / "db.sqlite3")}
    del variables["PYTHONPATH"]
    ended = subprocess.run(
        [Path(sys.executable).with_name(program), *arguments],
        cwd=ROOT,
        env=variables,
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    return ended


def test_every_call_does_what_it_shows(collector: Collector, tmp_path: Path) -> None:
    ended = _run("app", collector, tmp_path)
    assert ended.stderr == ""
    john, mary = collector.user("12345"), collector.user("54321")
    assert john["campaign"]["utm_term"] == "api+tooling"
    assert john["metadata"]["signed_up"] == "2026-11-21"
    assert john["metadata"]["sales_info"]["account_owner"] == "mary@contoso.com"
    assert mary["metadata"] == {"email": "mary@acmeinc.com", "first_name": "Mary"}
    assert collector.company("67890")["metadata"]["demographics"] == {"alexa_ranking": 500000, "employee_count": 47}
    assert collector.company("09876")["campaign"] == {"utm_source": "newsletter"}
    assert collector.subscription("sub_67890")["items"] == [{"plan_id": "pro", "price_id": "monthly"}]
    assert collector.subscription("sub_54321")["status"] == "trialing"
    events = {row["verb"]: collector.event(row["id"]) for row in collector.events()}
    assert {verb: event["response"]["status"] for verb, event in events.items()} == {
        "POST": 201,
        "GET": 200,
        "DELETE": 204,
    }
    assert events["POST"]["request"]["body"] == {"stars": 5}
    names = {action["action_name"] for action in collector.actions()}
    assert names == {"Clicked Sign Up", "Viewed Pricing", "Signed Up"}
    assert "the collector is well: True" in ended.stdout
    assert "not sent: the user has no user_id: it is required" in ended.stdout
    assert "refused with 400 - " in ended.stdout


def test_calls_are_made_from_asyncio(collector: Collector, tmp_path: Path) -> None:
    ended = _run("asynchronous", collector, tmp_path)
    assert (ended.stdout, ended.stderr) == ("the collector is well: True\n", "")
    assert [collector.user(str(number))["user_id"] for number in (0, 99, 100, 101)] == ["0", "99", "100", "101"]
    assert collector.subscription("sub_1")["company_id"] == "67890"


def test_the_helpers_of_a_middleware_need_no_request(collector: Collector, tmp_path: Path) -> None:
    ended = _run("profiles", collector, tmp_path)
    assert "the subscription has no status: it is required" in ended.stderr
    for user in ("12345", "54321"):
        assert collector.user(user)["metadata"]["sales_info"] == {"stage": "Customer", "lifetime_value": 24000}
    for company in ("67890", "09876"):
        assert collector.company(company)["company_domain"] == "acmeinc.com"
    for subscription in ("sub_67890", "sub_54321"):
        assert collector.subscription(subscription)["metadata"]["signup_date"] == "2026-11-21"


@pytest.mark.parametrize("example", sorted(path.stem for path in CLIENT.glob("*.py")))
def test_the_readme_lists_it(example: str) -> None:
    assert _command(example) in (ROOT / "examples" / "README.md").read_text()
