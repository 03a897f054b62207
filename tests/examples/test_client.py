"""The examples of the client work, started with the commands in their docstrings."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.collector import ROOT
from tests.examples import commands

if TYPE_CHECKING:
    import subprocess
    from pathlib import Path

    from tests.collector import Collector

CLIENT = ROOT / "examples" / "client"


def _command(example: str) -> str:
    [command] = commands.commands(f"client/{example}.py")
    return command


def _run(example: str, collector: Collector, tmp_path: Path) -> subprocess.CompletedProcess[str]:
    return commands.run(_command(example), collector, DATABASE=str(tmp_path / "db.sqlite3"))


def test_example_makes_every_call(collector: Collector, tmp_path: Path) -> None:
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


def test_asyncio_example_makes_its_calls(collector: Collector, tmp_path: Path) -> None:
    ended = _run("asynchronous", collector, tmp_path)
    assert (ended.stdout, ended.stderr) == ("the collector is well: True\n", "")
    assert [collector.user(str(number))["user_id"] for number in (0, 99, 100, 101)] == ["0", "99", "100", "101"]
    assert collector.subscription("sub_1")["company_id"] == "67890"


def test_helpers_of_a_middleware_need_no_request(collector: Collector, tmp_path: Path) -> None:
    ended = _run("profiles", collector, tmp_path)
    assert "the subscription has no status: it is required" in ended.stderr
    for user in ("12345", "54321"):
        assert collector.user(user)["metadata"]["sales_info"] == {"stage": "Customer", "lifetime_value": 24000}
    for company in ("67890", "09876"):
        assert collector.company(company)["company_domain"] == "acmeinc.com"
    for subscription in ("sub_67890", "sub_54321"):
        assert collector.subscription(subscription)["metadata"]["signup_date"] == "2026-11-21"


@pytest.mark.parametrize("example", sorted(path.stem for path in CLIENT.glob("*.py")))
def test_readme_lists_the_example(example: str) -> None:
    assert _command(example) in (ROOT / "examples" / "README.md").read_text()
