"""Every Python example in README and docs runs, and every link there has a target."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import pytest

from tests.examples.pages import COLLECTOR, PAGES, ROOT, SURROUNDINGS, Example, examples

if TYPE_CHECKING:
    from pathlib import Path

    from tests.collector import Collector
    from tests.conftest import Ended, RunProgram
    from tests.outgoing.api import Api

EXAMPLES = examples()
REPOSITORY = "https://github.com/moesif-rs/moesif-rs/blob/main/"
DOCUMENTS = [
    *PAGES,
    *(ROOT / name for name in ("CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md", "examples/README.md")),
]


def _run(example: Example, run_program: RunProgram, collector: Collector, api: Api, directory: Path) -> Ended:
    """Run an example inside its surroundings, sending to ``collector``."""
    around = SURROUNDINGS[example.kind]
    names = f"COLLECTOR = {collector.uri!r}; API = {api.uri!r}"
    source = example.source.replace(COLLECTOR, collector.uri)
    if around.is_settings_module:
        (directory / "project_settings.py").write_text(f"{around.before}\n{source}")
        source = ""
    parts = (names, "" if around.is_settings_module else around.before, source, around.after)
    program = directory / "program.py"
    program.write_text("\n".join(parts))
    variables = {
        "PYTHONPATH": f"{directory}:{ROOT}",
        "PYTHONWARNINGS": "ignore",  # of frameworks about their own dependencies
        "DJANGO_SETTINGS_MODULE": "project_settings",
    }
    start = f"import runpy; runpy.run_path({str(program)!r}, run_name='__main__')"
    ended = run_program(start, to=collector, variables=variables)
    assert ended.code == 0, ended.errors
    return ended


@pytest.mark.parametrize("example", EXAMPLES, ids=str)
def test_example_says_how_it_runs(example: Example) -> None:
    assert example.kind in SURROUNDINGS, "put <!-- runs: NAME --> before the block: see tests/examples/pages.py"


@pytest.mark.parametrize("example", [one for one in EXAMPLES if one.kind in SURROUNDINGS], ids=str)
def test_example_runs_and_its_calls_arrive(
    example: Example, run_program: RunProgram, collector: Collector, api: Api, tmp_path: Path
) -> None:
    ended = _run(example, run_program, collector, api, tmp_path)
    assert "failed" not in ended.errors
    assert len(collector.events()) == SURROUNDINGS[example.kind].events


def _events(
    kind: str, run_program: RunProgram, collector: Collector, api: Api, directory: Path
) -> list[dict[str, object]]:
    [example] = [one for one in EXAMPLES if one.kind == kind]
    _run(example, run_program, collector, api, directory)
    return [collector.event(row["id"]) for row in collector.events()]


def test_documented_settings_keep_every_secret_out(
    run_program: RunProgram, collector: Collector, api: Api, tmp_path: Path
) -> None:
    text = json.dumps(_events("settings", run_program, collector, api, tmp_path))
    # These settings mask Authorization, cookies, `password` and `api_key`, but not X-Api-Key.
    assert text.count("s3cr3t") == text.count('"X-Api-Key": "s3cr3t"') == 1
    assert '"kept": 1' in text
    assert '"kept": 2' in text


def test_documented_mask_works_with_and_without_a_body(
    run_program: RunProgram, collector: Collector, api: Api, tmp_path: Path
) -> None:
    events = _events("mask", run_program, collector, api, tmp_path)
    for event in events:
        assert "X-Api-Key" not in event["request"]["headers"]  # type: ignore[index]
        assert "password" not in event["response"].get("body", {})  # type: ignore[attr-defined]


def test_corrected_mask_strips_nothing(run_program: RunProgram, collector: Collector, api: Api, tmp_path: Path) -> None:
    events = _events("old-mask", run_program, collector, api, tmp_path)
    bodies = [event["response"].get("body") for event in events]  # type: ignore[attr-defined]
    assert sorted(bodies, key=str) == [None, {"password": None, "kept": 2}]
    for event in events:
        assert event["request"]["headers"]  # type: ignore[index]


def test_documented_functions_identify_the_caller(
    run_program: RunProgram, collector: Collector, api: Api, tmp_path: Path
) -> None:
    [event] = _events("identify", run_program, collector, api, tmp_path)
    assert (event["user_id"], event["company_id"]) == ("ann", "acme")
    assert event["metadata"] == {"region": "eu", "path": "/p"}


def test_documented_outgoing_call_has_its_user(
    run_program: RunProgram, collector: Collector, api: Api, tmp_path: Path
) -> None:
    [event] = _events("outgoing", run_program, collector, api, tmp_path)
    assert (event["user_id"], event["direction"]) == ("ann", "Outgoing")


def _anchors(page: Path) -> set[str]:
    """Returns the anchors that GitHub gives to the headings of a page."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", DOCUMENTS, ids=lambda page: page.name)
def test_links_have_a_target(page: Path) -> None:
    broken = []
    for link in re.findall(r"\]\(([^)\s]+)\)", page.read_text()):
        path, _, anchor = link.removeprefix(REPOSITORY).partition("#")
        if "://" in path:
            continue
        target = (ROOT if link.startswith(REPOSITORY) else page.parent) / path if path else page
        if not target.exists() or (anchor and anchor not in _anchors(target)):
            broken.append(link)
    assert broken == []


def test_links_of_the_readme_work_on_pypi() -> None:
    links = re.findall(r"\]\(([^)\s]+)\)", (ROOT / "README.md").read_text())
    assert [link for link in links if not link.startswith("https://")] == []


def _texts_of_the_sources() -> str:
    """Returns all sources. String literals that span several lines are joined."""
    sources = [*(ROOT / "crates").glob("*/src/**/*.rs"), *(ROOT / "python").glob("**/*.py")]
    text = "\n".join(path.read_text() for path in sources)
    return re.sub(r"\\\n\s+|\"\n\s+f?\"", "", text)


def test_quoted_log_messages_are_those_of_the_code() -> None:
    page = (ROOT / "docs" / "operations.md").read_text()
    quoted = re.findall(r"^\| (?:WARNING|INFO|ERROR) \| `([^`]+)` \|", page, re.MULTILINE)
    assert len(quoted) > 5
    texts = _texts_of_the_sources()
    # "…" and "N" are placeholders for values.
    parts = [part.strip() for message in quoted for part in re.split(r"…|\bN\b", message) if part.strip()]
    assert [part for part in parts if part not in texts] == []


def test_architecture_names_files_that_exist() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text()
    named = set(re.findall(r"`((?:[\w.-]+/)+[\w.-]+)/?`", page))
    bases = [ROOT, ROOT / "python", ROOT / "crates" / "moesif" / "src", ROOT / "crates" / "moesif-python" / "src"]
    found = {name for name in named for base in bases for end in ("", ".rs", ".py") if (base / (name + end)).exists()}
    assert len(found) > 10
    assert sorted(named - found) == []
